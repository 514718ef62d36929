/** A stretch of work. Times in ms since 1970. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly beganMs: number;
  readonly endedMs: number;
  /** Whole numbers. */
  readonly attributes: Readonly<Record<string, number>>;
}

/** An export request of OTLP 1 in JSON: identities in hex, times in nanoseconds as text. */
export function otlpJson(spans: readonly Span[], resource: Readonly<Record<string, string>>, version: string): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: Object.entries(resource).map(([key, stringValue]) => ({ key, value: { stringValue } })) },
        scopeSpans: [
          {
            scope: { name: "vernier", version },
            spans: spans.map(({ traceId, spanId, parentSpanId, name, beganMs, endedMs, attributes }) => ({
              traceId,
              spanId,
              ...(parentSpanId !== undefined && { parentSpanId }),
              name,
              // Internal: nobody called us.
              kind: 1,
              startTimeUnixNano: nanos(beganMs),
              endTimeUnixNano: nanos(endedMs),
              attributes: Object.entries(attributes).map(([key, value]) => ({ key, value: { intValue: String(value) } })),
              status: {},
            })),
          },
        ],
      },
    ],
  });
}

function nanos(ms: number): string {
  return `${ms}000000`;
}
