import type { ProblemBody } from "./wire";

/** Problem is an answer that is none: what, and what to do about it. */
export class Problem extends Error {
  constructor(
    readonly status: number, // 0: no answer at all
    message: string,
    readonly code: string = "",
    readonly help: string = "",
    readonly where: string = "",
  ) {
    super(message);
  }
}

const slot = "forescale.key";

/** patient is how long an answer is waited for, ms. */
const patient = 15_000;

/**
 * Api asks the server. The key lives as long as the tab does and is sent as a
 * header only, never in an address.
 */
export class Api {
  /** Called when the server wants a key, or another one. */
  onKeyWanted: (refused: boolean) => void = () => {};

  constructor(private readonly base = new URL("v1/", document.baseURI)) {}

  get key(): string {
    try {
      return sessionStorage.getItem(slot) ?? "";
    } catch {
      return ""; // storage is switched off
    }
  }

  set key(value: string) {
    try {
      if (value) sessionStorage.setItem(slot, value);
      else sessionStorage.removeItem(slot);
    } catch {
      // without storage the key is asked for again after a reload
    }
  }

  /** address of a resource, as a command line would use it. */
  address(path: string): string {
    return new URL(path, this.base).href;
  }

  headers(extra: Record<string, string> = {}): Record<string, string> {
    return this.key ? { ...extra, Authorization: `Bearer ${this.key}` } : extra;
  }

  async get<T>(path: string, signal?: AbortSignal, patience = patient): Promise<T> {
    return (await this.ask("GET", path, undefined, signal, patience)) as T;
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    return (await this.ask("POST", path, body)) as T;
  }

  async delete(path: string): Promise<void> {
    await this.ask("DELETE", path);
  }

  private async ask(method: string, path: string, body?: unknown, signal?: AbortSignal, patience = patient): Promise<unknown> {
    const headers = this.headers({ Accept: "application/json" });
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const limit = AbortSignal.timeout(patience);
    const request = () => fetch(new URL(path, this.base), {
      method, headers, cache: "no-store", credentials: "omit",
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    let answer: Response;
    try {
      // A read that was cut off is asked once more at once: a browser drops what is
      // under way whenever the machine's network changes.
      answer = await request().catch((e) => {
        if (method !== "GET" || signal?.aborted || limit.aborted) throw e;
        return new Promise<Response>((done, fail) => setTimeout(() => request().then(done, fail), 150));
      });
    } catch (e) {
      if (signal?.aborted) throw e;
      const slow = limit.aborted;
      throw new Problem(0, slow ? `no answer within ${patience / 1000} s` : "the server does not answer", slow ? "timeout" : "unreachable", "", path);
    }
    if (!answer.ok) throw await this.problem(answer, path);
    if (answer.status === 204) return null;
    const text = await answer.text();
    try {
      return text ? JSON.parse(text) : null;
    } catch {
      throw new Problem(answer.status, "the answer is not JSON", "not_json", "is something else listening at this address?", path);
    }
  }

  /** problem reads a refused answer, and asks for a key if that is why. */
  async problem(answer: Response, where: string): Promise<Problem> {
    const text = await answer.text().catch(() => "");
    let body: ProblemBody = {};
    try {
      body = JSON.parse(text) as ProblemBody;
    } catch {
      // a proxy's page, not ours
    }
    if (answer.status === 401) this.onKeyWanted(this.key !== "");
    const detail = body.detail || body.title || `HTTP ${answer.status}`;
    const more = (body.errors ?? []).map((e) => e.message).filter(Boolean).join("; ");
    return new Problem(answer.status, more ? `${detail}: ${more}` : detail, body.code ?? "", body.help ?? "", where);
  }
}
