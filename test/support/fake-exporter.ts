import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";

const TYPES = { text: "text/plain; version=0.0.4; charset=utf-8", openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8" } as const;

/** A unit on loopback that exposes metrics, or misbehaves. */
export class FakeExporter {
  /** Headers of what was asked for. */
  readonly asked: IncomingMessage["headers"][] = [];
  #text = "";
  #format: keyof typeof TYPES = "text";
  #listener: RequestListener | undefined;
  #server: Server | undefined;
  port = 0;

  /** @param port the one of an exporter that is gone, or any */
  static async start(text = "", port = 0): Promise<FakeExporter> {
    const exporter = new FakeExporter();
    exporter.#text = text;
    const server = createServer((request, response) => {
      exporter.asked.push(request.headers);
      if (exporter.#listener !== undefined) exporter.#listener(request, response);
      else response.writeHead(200, { "content-type": TYPES[exporter.#format] }).end(exporter.#text);
    });
    exporter.#server = server;
    await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
    exporter.port = (server.address() as AddressInfo).port;
    return exporter;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${this.port}/metrics`);
  }

  get instance(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Exposes a text from now on. */
  says(text: string, format: keyof typeof TYPES = "text"): void {
    this.#text = text;
    this.#format = format;
    this.#listener = undefined;
  }

  /** Answers in its own way from now on. */
  does(listener: RequestListener): void {
    this.#listener = listener;
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((done) => this.#server?.close(done));
  }
}
