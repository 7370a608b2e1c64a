/** Raw HTTP towards the gateway: exactly these bytes, exactly these headers. */
import { request } from "node:http";

export interface RawAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

export interface RawRequest {
  readonly method?: string;
  readonly headers?: Record<string, string> | string[];
  readonly body?: string | Buffer;
}

/** POSTs `body` as a client of the legacy era does, unless the options say otherwise. */
export function send(url: string, { method = "POST", headers = {}, body = "" }: RawRequest): Promise<RawAnswer> {
  const target = new URL(url);
  const defaults = ["Host", target.host, "Accept", "application/json, text/event-stream"];
  if (method === "POST") defaults.push("Content-Type", "application/json", "Content-Length", String(Buffer.byteLength(body)));
  const own = Array.isArray(headers) ? headers : Object.entries(headers).flat();
  const names = new Set(own.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()));
  const kept = defaults.filter((_, at) => !names.has((defaults[at - (at % 2)] as string).toLowerCase()));
  return new Promise((resolve, reject) => {
    const call = request(
      { host: target.hostname, port: target.port, path: target.pathname + target.search, method, headers: [...kept, ...own] },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
        });
        response.on("error", reject);
      },
    );
    call.on("error", reject);
    call.end(body);
  });
}
