import { Problem, type Api } from "./api";
import { ServerClock } from "./clock";
import { backoff, follow } from "./stream";
import type { About, Step } from "./wire";

/** Trouble is what stands in the banner. */
export interface Trouble {
  problem: Problem;
  since: number; // server time, ms
  next: number; // steady reading of the next try, ms
}

/** Pace bounds how often pages read again: at most once a second, less when answers are slow. */
export const pace = { least: 1000, factor: 4, idle: 30_000, lead: 3000 };

/**
 * Live tells pages when to read again: `version` grows when it is time. It holds
 * still while a tooltip is pinned or the tab is hidden, and catches up after.
 */
export class Live {
  readonly clock = new ServerClock();
  about: About | null = null;
  connected = false;
  version = 0;
  trouble: Trouble | null = null;
  failed: Record<string, string> = {}; // parts of the world that could not be read
  lastStep = 0; // server time of the last planning round heard of, ms
  lastRead = 0; // server time of the last good answer, ms

  private readonly stop = new AbortController();
  private readonly listeners = new Set<() => void>();
  private readonly holds = new Set<string>();
  private dirty = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lastBump = -Infinity;
  private cost = 0; // how long the last answers took, ms
  private tries = 0;
  private wake: () => void = () => {};
  private current: AbortController | null = null; // the stream that is open

  constructor(readonly api: Api) {}

  /** start begins to listen and returns how to end it. */
  start(): () => void {
    const visible = () => {
      this.hold("hidden", document.hidden);
      // A browser opens few connections to one server, for all tabs together, so a
      // tab that nobody sees gives its stream back.
      if (document.hidden) this.current?.abort();
      else this.wake();
    };
    document.addEventListener("visibilitychange", visible);
    visible();
    void this.listen();
    const idle = setInterval(() => this.changed(), pace.idle);
    const beat = setInterval(() => this.emit(), 1000);
    const lead = setInterval(() => void this.readLead(), pace.lead);
    return () => {
      document.removeEventListener("visibilitychange", visible);
      clearInterval(idle);
      clearInterval(beat);
      clearInterval(lead);
      clearTimeout(this.timer);
      this.stop.abort();
    };
  }

  subscribe(f: () => void): () => void {
    this.listeners.add(f);
    return () => this.listeners.delete(f);
  }

  private emit(): void {
    if (this.holds.has("hidden")) return;
    for (const f of [...this.listeners]) f();
  }

  /** hold stops reading again for a named reason, or lets it go on. */
  hold(why: string, on: boolean): void {
    if (on) this.holds.add(why);
    else this.holds.delete(why);
    if (this.holds.size === 0 && this.dirty) this.changed();
  }

  /** changed says that the server has news; the pages hear of it at the right pace. */
  changed(): void {
    this.dirty = true;
    if (this.holds.size > 0 || this.timer !== undefined) return;
    const rest = Math.max(pace.least, pace.factor * this.cost) - (performance.now() - this.lastBump);
    this.timer = setTimeout(() => this.bump(), Math.max(0, rest));
  }

  private bump(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.holds.size > 0) return;
    this.dirty = false;
    this.lastBump = performance.now();
    this.version++;
    this.emit();
  }

  /** again reads everything now: a person asked, or a key came. */
  again(): void {
    if (this.trouble) this.trouble = { ...this.trouble, next: 0 };
    this.dirty = false;
    this.lastBump = performance.now();
    this.version++;
    this.wake();
    this.emit();
  }

  /** good notes an answer and how long it took. */
  good(took: number): void {
    this.cost = Math.max(took, this.cost * 0.7);
    this.lastRead = this.clock.now();
    if (this.trouble) {
      this.trouble = null;
      this.tries = 0;
      this.emit();
    }
  }

  /** bad notes a failed read, and tries again later and later. */
  bad(e: unknown): void {
    const problem = e instanceof Problem ? e : new Problem(0, e instanceof Error ? e.message : String(e), "internal");
    if (problem.status === 401) return; // the key is being asked for
    const now = performance.now();
    if (this.trouble && this.trouble.next > now) {
      this.trouble = { ...this.trouble, problem };
      return;
    }
    const wait = backoff(this.tries++);
    this.trouble = { problem, since: this.trouble?.since ?? this.clock.now(), next: now + wait };
    setTimeout(() => this.trouble && this.changed(), wait);
    this.emit();
  }

  /** readAbout sets the clock. */
  async readAbout(): Promise<void> {
    const asked = performance.now();
    const about = await this.api.get<About>("about", this.stop.signal);
    this.clock.set(about.clock, asked);
    this.about = about;
    this.good(performance.now() - asked);
    this.emit();
  }

  /** readLead looks again for who leads, where several servers may. What it cannot read, the pages say. */
  private async readLead(): Promise<void> {
    if (!this.about?.leads?.fence || !this.connected || this.trouble || this.holds.has("hidden")) return;
    const about = await this.api.get<About>("about", this.stop.signal).catch(() => null);
    if (!about || this.stop.signal.aborted) return;
    this.about = about;
    this.emit();
  }

  private async listen(): Promise<void> {
    for (let n = 0; !this.stop.signal.aborted; ) {
      try {
        await this.readAbout(); // a restarted server may show another time
        this.current = new AbortController();
        await follow(this.api, AbortSignal.any([this.stop.signal, this.current.signal]), {
          open: () => {
            n = 0;
            this.connected = true;
            this.changed(); // what happened while nobody listened
          },
          event: (e) => e.name === "step" && this.step(e.data),
        });
      } catch (e) {
        if (this.stop.signal.aborted) return;
        if (!this.connected) this.bad(e);
      }
      this.connected = false;
      const wait = document.hidden ? 0x7fffffff : backoff(n++);
      this.emit();
      await new Promise<void>((done) => {
        const t = setTimeout(done, wait);
        this.wake = () => {
          clearTimeout(t);
          done();
        };
      });
    }
  }

  private step(data: string): void {
    let s: Step;
    try {
      s = JSON.parse(data) as Step;
    } catch {
      return; // the next one will do
    }
    const at = Date.parse(s.at);
    if (!Number.isNaN(at)) this.lastStep = Math.max(this.lastStep, at);
    this.failed = s.failed ?? {};
    this.changed();
  }
}
