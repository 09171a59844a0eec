/** A value that can be watched. Its state is replaced, never changed in place. */

export class Store<T> {
  private _watchers = new Set<() => void>();

  constructor(private _state: T) {}

  readonly get = (): T => this._state;

  /** Returns the function that ends it. */
  readonly watch = (watcher: () => void): (() => void) => {
    this._watchers.add(watcher);
    return () => this._watchers.delete(watcher);
  };

  set(state: T): void {
    if (state !== this._state) {
      this._state = state;
      [...this._watchers].forEach(one => one());
    }
  }

  update(change: Partial<T>): void {
    this.set({ ...this._state, ...change });
  }
}
