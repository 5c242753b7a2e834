import type { About } from "./wire";

/**
 * ServerClock tells the server's time, which may run many times as fast as this
 * machine's and may be another day. The browser's own wall clock is never asked:
 * only its steady reading, to know how much time went by since the server said.
 */
export class ServerClock {
  private base = 0;
  private read = 0;
  speed = 1;
  known = false;

  constructor(private readonly steady: () => number = () => performance.now()) {}

  /** set takes the server's word, asked for at the steady reading `asked`. */
  set(clock: About["clock"], asked: number = this.steady()): void {
    const base = Date.parse(clock.now);
    if (Number.isNaN(base)) return;
    const got = this.steady();
    this.speed = clock.speed > 0 ? clock.speed : 1;
    this.base = base;
    this.read = (asked + got) / 2; // the answer was made about half-way
    this.known = true;
  }

  /** now is the server's time in milliseconds since 1970. */
  now(): number {
    return this.base + (this.steady() - this.read) * this.speed;
  }
}
