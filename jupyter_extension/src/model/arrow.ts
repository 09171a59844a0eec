/**
 * A page of rows as the kernel sends it: an Arrow IPC stream of one batch, whose columns are booleans, whole numbers,
 * doubles and texts. Nothing is parsed before it is asked for: a page of 2,000 columns costs what is in sight of it.
 *
 * Source: the Arrow columnar format, "Serialization and Interprocess Communication", and FlatBuffers' internals.
 */

import { Value } from './frames';

const SCHEMA = 1;
const BATCH = 3;
enum Type {
  Null = 1,
  Int = 2,
  Double = 3,
  Utf8 = 5,
  Bool = 6
}

interface Column {
  name: string;
  type: Type;
  bits: number;
  signed: boolean;
  /** Its texts are JSON. */
  json: boolean;
  valid: Uint8Array | null;
  data: DataView;
  texts: Uint8Array;
}

const TEXT = new TextDecoder();

/** A FlatBuffers table: each field is found by its number, or is not there. */
class Table {
  private _slots: number;

  constructor(
    private _view: DataView,
    private _at: number
  ) {
    this._slots = _at - _view.getInt32(_at, true);
  }

  private _field(number: number): number {
    const slot = 4 + 2 * number;
    if (slot >= this._view.getUint16(this._slots, true)) {
      return 0;
    }
    const offset = this._view.getUint16(this._slots + slot, true);
    return offset ? this._at + offset : 0;
  }

  byte(number: number): number {
    const at = this._field(number);
    return at ? this._view.getUint8(at) : 0;
  }

  int32(number: number): number {
    const at = this._field(number);
    return at ? this._view.getInt32(at, true) : 0;
  }

  int64(number: number): number {
    const at = this._field(number);
    return at ? Number(this._view.getBigInt64(at, true)) : 0;
  }

  table(number: number): Table {
    const at = this._field(number);
    if (!at) {
      throw new Error('The page has no schema or batch where one must be.');
    }
    return new Table(this._view, at + this._view.getUint32(at, true));
  }

  text(number: number): string {
    const at = this._field(number);
    if (!at) {
      return '';
    }
    const start = at + this._view.getUint32(at, true);
    const length = this._view.getUint32(start, true);
    return TEXT.decode(new Uint8Array(this._view.buffer, this._view.byteOffset + start + 4, length));
  }

  /** Where its items begin, and how many there are. */
  vector(number: number): [number, number] {
    const at = this._field(number);
    if (!at) {
      return [0, 0];
    }
    const start = at + this._view.getUint32(at, true);
    return [start + 4, this._view.getUint32(start, true)];
  }

  tables(number: number): Table[] {
    const [start, count] = this.vector(number);
    return Array.from({ length: count }, (_, one) => {
      const at = start + 4 * one;
      return new Table(this._view, at + this._view.getUint32(at, true));
    });
  }

  /** The nth pair of an offset and a length. */
  pair(start: number, nth: number): [number, number] {
    const at = start + 16 * nth;
    return [Number(this._view.getBigInt64(at, true)), Number(this._view.getBigInt64(at + 8, true))];
  }
}

const metadata = (table: Table, number: number): Record<string, string> =>
  Object.fromEntries(table.tables(number).map(one => [one.text(0), one.text(1)]));

export class ArrowPage {
  readonly count: number = 0;
  /** What the schema's metadata says. */
  readonly metadata: Record<string, string> = {};
  private _columns: Column[] = [];

  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (at + 8 <= view.byteLength && view.getInt32(at + 4, true) !== 0) {
      const size = view.getInt32(at + 4, true);
      const head = new DataView(view.buffer, view.byteOffset + at + 8, size);
      const message = new Table(head, head.getUint32(0, true));
      const body = at + 8 + size;
      if (message.byte(1) === SCHEMA) {
        const schema = message.table(2);
        this.metadata = metadata(schema, 2);
        this._columns = schema.tables(1).map(columnOf);
      } else if (message.byte(1) === BATCH) {
        this.count = this._fill(message.table(2), view, body);
      }
      at = body + message.int64(3);
    }
  }

  value(row: number, column: number): Value {
    const one = this._columns[column];
    if (one.type === Type.Null || (one.valid && !(one.valid[row >> 3] & (1 << (row & 7))))) {
      return null;
    }
    switch (one.type) {
      case Type.Bool:
        return !!(one.data.getUint8(row >> 3) & (1 << (row & 7)));
      case Type.Int:
        return whole(one, row);
      case Type.Double: {
        const number = one.data.getFloat64(8 * row, true);
        return Number.isFinite(number) ? number : String(number);
      }
      default: {
        const start = one.data.getInt32(4 * row, true);
        const text = TEXT.decode(one.texts.subarray(start, one.data.getInt32(4 * row + 4, true)));
        return one.json ? (JSON.parse(text) as Value) : text;
      }
    }
  }

  /** All values of a row. */
  row(at: number): Value[] {
    return this._columns.map((_, column) => this.value(at, column));
  }

  private _fill(batch: Table, view: DataView, body: number): number {
    const [buffers] = batch.vector(2);
    let next = 0;
    const buffer = (): DataView => {
      const [offset, length] = batch.pair(buffers, next++);
      return new DataView(view.buffer, view.byteOffset + body + offset, length);
    };
    const bytes = (one: DataView): Uint8Array => new Uint8Array(one.buffer, one.byteOffset, one.byteLength);
    for (const column of this._columns) {
      if (column.type !== Type.Null) {
        const valid = bytes(buffer());
        column.valid = valid.length ? valid : null;
        column.data = buffer();
        column.texts = column.type === Type.Utf8 ? bytes(buffer()) : NOTHING;
      }
    }
    return batch.int64(0);
  }
}

const NOTHING = new Uint8Array(0);

function columnOf(field: Table): Column {
  const type: Type = field.byte(2);
  if (!(type in Type)) {
    throw new Error(`The page has a column of a type that is not read here: ${type}.`);
  }
  const bits = type === Type.Int ? field.table(3).int32(0) : 0;
  const signed = type === Type.Int && field.table(3).byte(1) === 1;
  const json = metadata(field, 6).pluto_duck === 'json';
  return {
    name: field.text(0),
    type,
    bits,
    signed,
    json,
    valid: null,
    data: new DataView(NOTHING.buffer),
    texts: NOTHING
  };
}

/** As REST has it: beyond 2^53 as text, which no number here could hold. */
function whole(column: Column, row: number): number | string {
  const { data, bits, signed } = column;
  switch (bits) {
    case 8:
      return signed ? data.getInt8(row) : data.getUint8(row);
    case 16:
      return signed ? data.getInt16(2 * row, true) : data.getUint16(2 * row, true);
    case 32:
      return signed ? data.getInt32(4 * row, true) : data.getUint32(4 * row, true);
    default: {
      const value = signed ? data.getBigInt64(8 * row, true) : data.getBigUint64(8 * row, true);
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : String(value);
    }
  }
}
