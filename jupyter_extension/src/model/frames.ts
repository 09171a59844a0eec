/** What travels between the sidebar and the kernel: version 1 of the panel's protocol. */

export const VERSION = 1;
export const TARGET = 'pluto_duck.panel';

export interface Frame {
  v: number;
  op: string;
  /** The request that it answers; without it the frame is news. */
  re?: number;
  /** The last one of its request. */
  end?: boolean;
  /** What travels beside the JSON, as it is. */
  buffers?: Uint8Array[];
  [name: string]: unknown;
}

/** Of a result: numbers beyond 2^53 and decimals come as texts. */
export type Value = null | boolean | number | string | Value[] | { [name: string]: Value };

export interface Hello {
  version: string;
  protocol: number;
  /** `host` or `guest`. */
  hosting: string;
  workspace: { name: string; root: string };
  /** The folder that ~ stands for; missing from an older kernel. */
  home?: string;
  planner: string;
  planners: string[];
  share: string;
  /** Whom each planner asks; missing from an older kernel. */
  asks?: PlannerInfo[];
}

export interface PlannerInfo {
  name: string;
  /** The host of the server that is asked; "": none is, or it is not known. */
  asks: string;
  /** What a question says leaves this machine. */
  leaves: boolean;
  model: string;
  asks_model: boolean;
  problem: string;
}

export interface TableColumn {
  name: string;
  type: string;
  nullable: boolean;
  comment: string;
  key: boolean;
}

export interface Table {
  key: string;
  schema: string;
  name: string;
  /** The name as SQL takes it. */
  sql: string;
  /** table, view, or frame: a DataFrame of the notebook. */
  kind: string;
  rows: number | null;
  version?: number;
  bytes?: number | null;
  comment: string;
  loaded_at: string | null;
  source: string | null;
  columns: TableColumn[];
}

/** Where tables came from. */
export interface DataSource {
  kind: 'connection' | 'live' | 'load';
  name: string;
  address: string;
  tables: number;
}

export interface Bin {
  low: string;
  high: string;
  count: number;
}

/** What a column holds at a glance. */
export interface Profile {
  name: string;
  type: string;
  rows: number;
  nulls: number;
  distinct: number;
  exact: boolean;
  low: string | null;
  high: string | null;
  mean: string | null;
  bins: Bin[];
  /** The last bin reaches from the 99th percentile to the highest value. */
  cut: boolean;
  top: { value: string | null; count: number }[];
}

export interface Rows {
  columns: { name: string; type: string }[];
  rows: Value[][];
  count: number;
  offset?: number;
  truncated: boolean;
  more?: boolean;
  /** Values that were shortened. */
  cut?: number;
  elapsed_s?: number;
  statement?: string;
  affected_rows?: number | null;
  /** Every chart that fits them, the best one first. */
  charts?: ChartSpec[];
}

export interface ChartSpec {
  kind: 'bar' | 'line' | 'scatter' | 'histogram' | 'number';
  stacked?: '' | 'sum' | 'share';
  x: string;
  y?: string[] | string;
  color?: string | null;
  title?: string;
  sort?: '' | 'ascending' | 'descending';
  limit?: number | null;
}

export interface Answer {
  id: string;
  conversation: string;
  status: 'answered' | 'assumed' | 'clarify' | 'declined';
  question: string;
  planner: string;
  text: string;
  sql: string;
  assumptions: string[];
  evidence: string[];
  choices: { text: string; sql: string }[];
  unknown_words: string[];
  cost: { input_tokens: number; output_tokens: number; usd: number; usd_known: boolean };
  elapsed_s: number;
  chart: ChartSpec | Record<string, never>;
  /** Every chart that fits its rows; the one that is drawn first. */
  charts?: ChartSpec[];
  /** For some of the assumptions the reading without it. */
  otherwise?: { assumption: string; text: string; sql: string; assumptions: string[] }[];
  /** What of the data a model was allowed to see; empty: no model was asked. */
  share: string;
  sent: unknown[];
  verified: string;
  finding?: string;
  rows?: Rows | null;
  rating?: string;
}

export interface Step {
  type: string;
  subtype: string;
  text: string;
  data: Record<string, unknown>;
}

/** A question that may be asked next, and about which table it is. */
export interface Offer {
  question: string;
  table: string;
}

export interface Swap {
  kind: 'table' | 'column' | 'function' | 'keyword' | 'quotes' | 'group';
  old: string;
  /** "": nothing is near enough. */
  new: string;
  others: string[];
}

/** What is wrong with SQL that did not run, and what would run. */
export interface Fix {
  sql: string;
  problem: { code: string; message: string; hint: string } | null;
  raw: string;
  swaps: Swap[];
  /** "": nobody knows. */
  fixed: string;
  trial: { rows: number | null; elapsed_s: number } | null;
  planner: string;
  share: string;
  remark: string;
}

export interface Conversation {
  id: string;
  title: string;
  changed_at?: number;
  turns?: number;
}

/** The last frame of a request that failed. */
export class PanelError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly hint: string = '',
    readonly facts: Record<string, unknown> = {}
  ) {
    super(message);
  }

  static of(frame: Frame): PanelError {
    const facts = (frame.facts ?? {}) as Record<string, unknown>;
    return new PanelError(String(frame.code ?? ''), String(frame.message ?? ''), String(frame.hint ?? ''), facts);
  }
}
