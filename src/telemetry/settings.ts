/** Where traces go and whose they are, as OpenTelemetry's environment variables say it. */
export interface TraceSettings {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly resource: Readonly<Record<string, string>>;
}

/** Why traces are not sent although somebody asked for them, or the settings; undefined when nobody did. */
export function traceSettings(environment: Readonly<Record<string, string | undefined>>, version: string): TraceSettings | string | undefined {
  const of = (name: string): string | undefined => environment[name]?.trim() || undefined;
  const own = of("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  const general = of("OTEL_EXPORTER_OTLP_ENDPOINT");
  if ((own ?? general) === undefined || of("OTEL_SDK_DISABLED")?.toLowerCase() === "true" || of("OTEL_TRACES_EXPORTER") === "none") return undefined;
  const protocol = of("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") ?? of("OTEL_EXPORTER_OTLP_PROTOCOL");
  if (protocol === "grpc") return "traces are not sent: OTEL_EXPORTER_OTLP_PROTOCOL asks for grpc, and only OTLP over HTTP in JSON is spoken";
  // The general one is a base; the one for traces is the whole address.
  const url = own ?? `${(general as string).replace(/\/+$/, "")}/v1/traces`;
  // Not repeated: an address may hold a token.
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) return "traces are not sent: the endpoint is no http or https address";
  if (new URL(url).username !== "") return "traces are not sent: the endpoint has a user in it; say who we are in OTEL_EXPORTER_OTLP_HEADERS";
  const headers = pairs(of("OTEL_EXPORTER_OTLP_TRACES_HEADERS") ?? of("OTEL_EXPORTER_OTLP_HEADERS"));
  const attributes = pairs(of("OTEL_RESOURCE_ATTRIBUTES"));
  const name = of("OTEL_SERVICE_NAME");
  return {
    url,
    headers,
    resource: { "service.name": "vernier", "service.version": version, ...attributes, ...(name !== undefined && { "service.name": name }) },
  };
}

/** `a=1,b=x%20y` as W3C Baggage has it; what is not of this form is left out. */
function pairs(text: string | undefined): Record<string, string> {
  const all: Record<string, string> = {};
  for (const part of (text ?? "").split(",")) {
    const at = part.indexOf("=");
    const key = part.slice(0, at).trim();
    if (at < 1 || key === "") continue;
    try {
      all[key] = decodeURIComponent(part.slice(at + 1).trim());
    } catch {
      // Not encoded as it has to be.
    }
  }
  return all;
}
