/** What a tab of the browser remembers over a reload, where the browser lets it. */

export interface Remembered {
  get(key: string): string | null;
  put(key: string, value: string): void;
}

/** `store`: asked for each time, because a browser that keeps nothing throws already there. */
export function rememberedBy(store: () => Pick<Storage, 'getItem' | 'setItem'>): Remembered {
  return {
    get: key => {
      try {
        return store().getItem(key);
      } catch {
        return null;
      }
    },
    put: (key, value) => {
      try {
        store().setItem(key, value);
      } catch {
        // It is forgotten with the page.
      }
    }
  };
}
