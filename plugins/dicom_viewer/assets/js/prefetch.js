// Loads a series from the image shown outwards, a few at a time, so that scrolling never waits.
const AT_ONCE = 4;
const WAITS = [0, 1000, 4000]; // ms before each attempt: a network that stumbles, a busy site

export class Prefetch {
  constructor(imageLoader, tell, onLost) {
    this.imageLoader = imageLoader;
    this.tell = tell;
    this.onLost = onLost;
    this.round = 0;
  }

  start(addresses, centre) {
    this.addresses = addresses;
    this.waiting = new Set(addresses.keys());
    this.centre = centre;
    this.round += 1;
    this.tell(0, addresses.length);
    for (let lane = 0; lane < AT_ONCE; lane += 1) this.run(this.round);
  }

  around(centre) {
    this.centre = centre;
  }

  stop() {
    this.round += 1;
  }

  async run(round) {
    while (round === this.round && this.waiting.size) {
      const next = this.nearest();
      this.waiting.delete(next);
      if (!(await this.load(this.addresses[next], round)) && round === this.round) this.onLost();
      if (round === this.round) {
        this.done = this.addresses.length - this.waiting.size;
        this.tell(this.done, this.addresses.length);
      }
    }
  }

  async load(address, round) {
    for (const wait of WAITS) {
      if (wait) await new Promise((resolve) => setTimeout(resolve, wait));
      if (round !== this.round) return true; // nobody waits for it any more
      try {
        await this.imageLoader.loadAndCacheImage(address);
        return true;
      } catch {
        // again, or given up
      }
    }
    return false;
  }

  nearest() {
    let best;
    for (const index of this.waiting) {
      if (best === undefined || Math.abs(index - this.centre) < Math.abs(best - this.centre)) {
        best = index;
      }
    }
    return best;
  }
}
