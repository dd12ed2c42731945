/** A clock whose sleeps advance it at once. */
import type {Clock} from '../../src/runtime/lifecycle.js';

export class SteppingClock implements Clock {
  now = 0;
  /** Called before each sleep. */
  onSleep: () => void = () => undefined;

  nowMs(): number {
    return this.now;
  }

  async sleep(ms: number): Promise<void> {
    this.onSleep();
    this.now += ms;
    await Promise.resolve();
  }
}
