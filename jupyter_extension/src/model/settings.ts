/** What a person set in JupyterLab's settings; the defaults where the plugin that reads them is switched off. */

import { Store } from './store';

export interface Settings {
  readonly openAtStart: 'nothing' | 'data' | 'chat' | 'both';
  /** Whether columns are profiled when their table is opened. */
  readonly profiles: boolean;
  /** Whether the SQL of an answer is open from the beginning; it is always there. */
  readonly openSql: boolean;
  readonly charts: boolean;
  /** Rows of an answer before "Show all". */
  readonly rows: number;
  readonly askWith: 'Enter' | 'Ctrl+Enter';
}

/** They are those of the schema: a test compares them. */
export const DEFAULTS: Settings = {
  openAtStart: 'nothing',
  profiles: true,
  openSql: false,
  charts: true,
  rows: 6,
  askWith: 'Enter'
};

export const settings = new Store<Settings>(DEFAULTS);

/** Only what it has and only of the type it should be: a file of settings may say anything. */
export function settingsFrom(raw: Record<string, unknown>): Settings {
  const one = <T extends string>(name: keyof Settings, words: readonly T[]): T =>
    words.includes(raw[name] as T) ? (raw[name] as T) : (DEFAULTS[name] as T);
  const flag = (name: keyof Settings): boolean =>
    typeof raw[name] === 'boolean' ? (raw[name] as boolean) : (DEFAULTS[name] as boolean);
  const rows = Math.round(Number(raw.rows));
  return {
    openAtStart: one('openAtStart', ['nothing', 'data', 'chat', 'both'] as const),
    profiles: flag('profiles'),
    openSql: flag('openSql'),
    charts: flag('charts'),
    rows: rows >= 1 && rows <= 50 ? rows : DEFAULTS.rows,
    askWith: one('askWith', ['Enter', 'Ctrl+Enter'] as const)
  };
}

/** Whether this press of Enter sends what is written; others break the line. */
export const sends = (
  event: { key: string; shiftKey: boolean; ctrlKey: boolean; metaKey: boolean },
  how: Settings['askWith']
): boolean => event.key === 'Enter' && !event.shiftKey && (how === 'Enter' || event.ctrlKey || event.metaKey);
