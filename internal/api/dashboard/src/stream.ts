import type { Api } from "./api";

/** Event is one server-sent event. */
export interface StreamEvent {
  name: string;
  data: string;
}

/** EventParser cuts a stream of text into server-sent events, however it is chopped. */
export class EventParser {
  private rest = "";
  private name = "";
  private data: string[] = [];

  push(text: string): StreamEvent[] {
    const out: StreamEvent[] = [];
    this.rest += text;
    // A \r at the very end may be half of \r\n: wait for what follows.
    for (;;) {
      const m = /\r\n|\n|\r(?!$)/.exec(this.rest);
      if (!m) return out;
      const line = this.rest.slice(0, m.index);
      this.rest = this.rest.slice(m.index + m[0].length);
      this.line(line, out);
    }
  }

  private line(line: string, out: StreamEvent[]): void {
    if (line === "") {
      if (this.data.length) out.push({ name: this.name || "message", data: this.data.join("\n") });
      this.name = "";
      this.data = [];
      return;
    }
    if (line.startsWith(":")) return; // a heartbeat
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.name = value;
    else if (field === "data") this.data.push(value);
  }
}

/** backoff before try n (from 0) in ms: 1 s, 2 s, 4 s … 30 s, with up to a fifth of jitter. */
export function backoff(n: number, random: () => number = Math.random): number {
  return Math.min(30_000, 1000 * 2 ** Math.min(n, 5)) * (1 - 0.2 * random());
}

/** quiet is how long a stream may say nothing: the server's heart beats every 15 s. */
const quiet = 45_000;

/**
 * follow reads the stream until it ends or fails. EventSource cannot send a key
 * as a header, so this is a fetch read as it comes.
 */
export async function follow(api: Api, signal: AbortSignal, on: { open(): void; event(e: StreamEvent): void }): Promise<void> {
  const silent = new AbortController();
  let watchdog = setTimeout(() => silent.abort(), quiet);
  try {
    const answer = await fetch(api.address("stream"), {
      headers: api.headers({ Accept: "text/event-stream" }),
      cache: "no-store", credentials: "omit",
      signal: AbortSignal.any([signal, silent.signal]),
    });
    if (!answer.ok || !answer.body) throw await api.problem(answer, "stream");
    on.open();
    const parser = new EventParser();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => silent.abort(), quiet);
      for (const e of parser.push(value)) on.event(e);
    }
  } finally {
    clearTimeout(watchdog);
  }
}
