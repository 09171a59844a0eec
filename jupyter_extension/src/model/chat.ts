/** A conversation: questions, what comes on the way, answers. */

import { Answers, Kept, NOTHING } from './answers';
import { Client, Pending } from './client';
import { told } from './data';
import { Answer, Frame, PanelError, Rows, Step, Table } from './frames';
import { kindOf } from './format';
import { Store } from './store';

/** SQL of an answer that a person has changed. */
export interface Edit {
  sql: string;
  state: 'editing' | 'running' | 'done' | 'stopped' | 'failed';
  rows: Rows | null;
  problem: string;
}

/** How an answer's question is read anew: by a reading it offered, or without one of its assumptions; from 1. */
export interface How {
  answer: string;
  choice?: number;
  without?: number;
}

export interface Turn {
  key: number;
  question: string;
  /** Null: as it stands. */
  how: How | null;
  /** What was said by a click: the reading that was chosen. */
  said: string;
  state: 'running' | 'done' | 'stopped' | 'failed';
  /** False: asked before there was anybody to answer; it goes out when there is. */
  sent: boolean;
  started: number;
  steps: Step[];
  answer: Answer | null;
  rows: Rows | null;
  problem: { code: string; text: string; hint: string } | null;
  edit: Edit | null;
  rating: string;
  kept: Kept;
}

export interface ChatState {
  turns: Turn[];
  /** Its id; "": it begins with the next question. */
  conversation: string;
  draft: string;
  /** "": the one of the settings. */
  planner: string;
  /** The model that is asked; "": the one of the settings. */
  model: string;
  /** What the conversation was renamed to; "": its first question stands for it. */
  title: string;
  /** What the panel shows: the conversation, or what lies beside it. */
  view: 'chat' | 'approvals' | 'earlier';
  /** What can't be said beside a turn. */
  problem: string;
}

export const NO_CHAT: ChatState = {
  turns: [],
  conversation: '',
  draft: '',
  planner: '',
  model: '',
  title: '',
  view: 'chat',
  problem: ''
};

let keys = 0;

const asked = (question: string, said = '', how: How | null = null): Turn => ({
  key: ++keys,
  question,
  how,
  said,
  state: 'running',
  sent: false,
  started: Date.now(),
  steps: [],
  answer: null,
  rows: null,
  problem: null,
  edit: null,
  rating: '',
  kept: NOTHING
});

const waits = (turn: Turn): boolean => turn.state === 'running' && !turn.sent;

/** A turn after one more frame of its request. */
export function turnWith(before: Turn, frame: Frame): Turn {
  if (frame.op === 'step') {
    const { type, subtype, text, data } = frame as unknown as Step;
    return { ...before, steps: [...before.steps, { type, subtype, text, data: data ?? {} }] };
  }
  if (frame.op === 'answer') {
    const answer = frame.answer as Answer;
    return { ...before, state: 'done', answer, rows: answer.rows ?? null };
  }
  return before;
}

/** A turn that ended without an answer. */
export function turnFailed(before: Turn, error: unknown): Turn {
  const known = error instanceof PanelError ? error : new PanelError('', String(error));
  const problem = { code: known.code, text: known.message, hint: known.hint };
  return { ...before, state: known.code === 'cancelled' ? 'stopped' : 'failed', problem };
}

/** Questions that these tables can answer, the largest first. */
export function suggestions(tables: Table[]): { question: string; table: string }[] {
  const found: { question: string; table: string }[] = [];
  const largest = [...tables].filter(one => one.kind !== 'view').sort((a, b) => (b.rows ?? 0) - (a.rows ?? 0));
  for (const table of largest.slice(0, 3)) {
    const plain = table.columns.filter(one => /^[a-z][a-z_]*$/.test(one.name) && !one.key);
    const group = plain.find(one => kindOf(one.type) === 'text' && !/(num|number|id|name|code|key)$/.test(one.name));
    const measure = plain.find(
      one =>
        kindOf(one.type) === 'number' && !/(^|_)(id|key|code|year|month|day|hour|minute|time|no|number)$/.test(one.name)
    );
    if (!/^[a-z][a-z_]*s$/.test(table.name)) {
      continue;
    }
    const name = table.name.replace(/_/g, ' ');
    if (group && found.length < 3) {
      found.push({ question: `number of ${name} by ${group.name.replace(/_/g, ' ')}`, table: table.name });
    }
    if (group && measure && found.length < 3) {
      const words = [measure, group].map(one => one.name.replace(/_/g, ' '));
      found.push({ question: `average ${words[0]} by ${words[1]} in ${name}`, table: table.name });
    }
  }
  if (!found.length && largest.length) {
    found.push({ question: `how many ${largest[0].name.replace(/_/g, ' ')} are there`, table: largest[0].name });
  }
  return found;
}

export class ChatModel {
  readonly state = new Store<ChatState>(NO_CHAT);
  readonly answers = new Answers(this);
  /** Told of a conversation that begins or is gone back to. */
  onConversation: (root: string, id: string) => void = () => undefined;
  private _client: Client | null = null;
  private _root = '';
  private _kept = new Map<string, ChatState>();
  private _running: Pending | null = null;
  /** Grows when something is asked or begun: what is on its way from before is not shown any more. */
  private _round = 0;
  private _edits = new Map<number, Pending>();
  /** A new conversation was wanted before the workspace was known. */
  private _fresh = false;

  /** Another kernel, or none. Each workspace has a conversation of its own, which outlives kernels. */
  attach(client: Client | null, root: string, begun: (root: string) => Promise<string>): void {
    this._client = client;
    if (!client) {
      return;
    }
    if (root === this._root) {
      this._sendWaiting();
      return;
    }
    const now = this.state.get();
    // What was typed and asked before the workspace was known is meant for the first one that comes.
    const early = this._root ? NO_CHAT : { ...NO_CHAT, turns: now.turns.filter(waits), draft: now.draft };
    const begins = !this._root && this._fresh;
    this._kept.set(this._root, now);
    this._root = root;
    const there = this._kept.get(root);
    this.state.set({ ...(there ?? early), planner: now.planner, model: now.model });
    if (there || begins) {
      this._sendWaiting();
    } else {
      const round = this._round;
      void begun(root)
        .then(id => (id && round === this._round ? this.goBack(id, true) : undefined))
        .catch(() => undefined) // then it begins anew
        .then(() => this._sendWaiting());
    }
  }

  get client(): Client | null {
    return this._client;
  }

  get connected(): boolean {
    return this._client !== null;
  }

  draft(text: string): void {
    this.state.update({ draft: text });
  }

  planner(name: string): void {
    this.state.update({ planner: name, model: '' });
  }

  model(name: string): void {
    this.state.update({ model: name });
  }

  /** The conversation has another title now, or is no more. */
  renamed(id: string, title: string): void {
    if (id === this.state.get().conversation) {
      this.state.update({ title });
    }
  }

  forgotten(id: string): void {
    if (id === this.state.get().conversation) {
      const { view } = this.state.get();
      this.begin();
      this.show(view);
    }
  }

  /** Without a kernel the question waits for one. */
  ask(question: string, said = '', how: How | null = null): void {
    const text = question.trim();
    const { turns, draft } = this.state.get();
    if (!text || this._running || turns.some(waits)) {
      return;
    }
    this._round += 1;
    this.state.update({
      turns: [...turns, asked(text, said, how)],
      draft: draft.trim() === text ? '' : draft,
      view: 'chat',
      problem: ''
    });
    this._sendWaiting();
  }

  private _sendWaiting(): void {
    const { conversation, planner, model, turns } = this.state.get();
    const turn = turns.find(waits);
    if (!turn || !this._client || this._running) {
      return;
    }
    const text = turn.question;
    this.change(turn.key, before => ({ ...before, sent: true, started: Date.now() }));
    const request = this._client.request(
      turn.how ? 'reread' : 'ask',
      turn.how
        ? { ...turn.how }
        : {
            question: text,
            ...(conversation ? { conversation } : {}),
            ...(planner ? { planner } : {}),
            ...(model.trim() ? { model: model.trim() } : {})
          },
      frame => this.change(turn.key, before => turnWith(before, frame))
    );
    this._running = request;
    request.done
      .then(
        frame => {
          this.change(turn.key, before => turnWith(before, frame));
          const id = (frame.answer as Answer).conversation;
          if (id && this.state.get().turns.some(one => one.key === turn.key)) {
            this.state.update({ conversation: id });
            this.onConversation(this._root, id);
          }
          this.answers.next(turn.key);
        },
        error => this.change(turn.key, before => turnFailed(before, error))
      )
      .finally(() => {
        if (this._running === request) {
          this._running = null;
        }
      });
  }

  stop(): void {
    this._running?.cancel();
    const turn = this.state.get().turns.find(waits);
    if (turn) {
      this.change(turn.key, before => turnFailed(before, new PanelError('cancelled', 'Stopped.')));
    }
  }

  /** The same question once more, at the end. */
  again(key: number): void {
    const turn = this.turn(key);
    if (turn) {
      this.ask(turn.question, turn.said, turn.how);
    }
  }

  /** One of the readings that an answer offers, counted from 1. */
  choose(key: number, number: number): void {
    const answer = this.turn(key)?.answer;
    const choice = answer?.choices[number - 1];
    if (answer && choice) {
      // An answer that is not kept can't be named; its readings are questions themselves.
      const how = answer.id ? { answer: answer.id, choice: number } : null;
      this.ask(how ? answer.question : choice.text, choice.text, how);
    }
  }

  /** The same question without one of its assumptions, counted from 0. `said`: that in words. The old answer stays. */
  without(key: number, at: number, said: string): void {
    const answer = this.turn(key)?.answer;
    const assumption = answer?.assumptions[at];
    const number = (answer?.otherwise ?? []).findIndex(one => one.assumption === assumption) + 1;
    if (answer && assumption && number) {
      this.ask(answer.question, said, { answer: answer.id, without: number });
    } else if (answer && assumption) {
      this.ask(`Not this: ${assumption}.`, said); // a model reads the conversation
    }
  }

  startEdit(key: number): void {
    const sql = this.turn(key)?.answer?.sql ?? '';
    this.change(key, before => ({
      ...before,
      edit: before.edit ?? { sql, state: 'editing', rows: null, problem: '' }
    }));
  }

  edit(key: number, sql: string): void {
    this._edited(key, edit => ({ ...edit, sql, problem: '', state: edit.state === 'failed' ? 'editing' : edit.state }));
    this.change(key, before => ({ ...before, kept: { ...before.kept, fix: null, problem: null } }));
  }

  /** Back to the SQL as it was answered. */
  endEdit(key: number): void {
    this.stopEdit(key);
    this.change(key, before => ({ ...before, edit: null, kept: { ...before.kept, fix: null, chart: 0 } }));
  }

  rerun(key: number): void {
    const edit = this.turn(key)?.edit;
    if (!edit || !this._client) {
      return;
    }
    this._edited(key, one => ({ ...one, state: 'running', problem: '' }));
    const request = this._client.request('query', { sql: edit.sql, limit: 1000 });
    this._edits.set(key, request);
    request.done
      .then(
        frame => this._edited(key, one => ({ ...one, state: 'done', rows: frame as unknown as Rows })),
        error => {
          const stopped = error instanceof PanelError && error.code === 'cancelled';
          const problem = stopped ? '' : told(error);
          this._edited(key, one => ({ ...one, state: stopped ? 'stopped' : 'failed', rows: null, problem }));
          if (!stopped) {
            this.answers.fix(key);
          }
        }
      )
      .finally(() => this._edits.delete(key));
  }

  stopEdit(key: number): void {
    this._edits.get(key)?.cancel();
  }

  rate(key: number, rating: 'up' | 'down'): void {
    const turn = this.turn(key);
    if (turn?.answer?.id && this._client) {
      const wanted = turn.rating === rating ? '' : rating;
      this.change(key, before => ({ ...before, rating: wanted }));
      this._client.request('rate', { answer: turn.answer.id, rating: wanted }).done.catch(error => {
        this.change(key, before => ({ ...before, rating: turn.rating }));
        this.state.update({ problem: told(error) });
      });
    }
  }

  begin(): void {
    this.stop();
    this._round += 1;
    this._running = null;
    this._fresh = true;
    const { planner, model, draft } = this.state.get();
    this.state.set({ ...NO_CHAT, planner, model, draft });
    this.onConversation(this._root, '');
  }

  show(view: ChatState['view']): void {
    this.state.update({ view });
  }

  /** `quietly`: one that is no more is no error. */
  async goBack(id: string, quietly = false, title = ''): Promise<void> {
    if (!this._client || this._running) {
      return;
    }
    const round = (this._round += quietly ? 0 : 1);
    try {
      const frame = await this._client.request('conversation', { conversation: id }).done;
      if (round !== this._round) {
        return;
      }
      const turns = (frame.turns as Answer[]).map((answer): Turn => ({
        ...asked(answer.question),
        state: 'done',
        sent: true,
        answer,
        rating: answer.rating ?? ''
      }));
      turns.push(...this.state.get().turns.filter(waits));
      const named = String(frame.title ?? title);
      this.state.update({ turns, conversation: id, title: named, view: 'chat', problem: '' });
      this.onConversation(this._root, id);
    } catch (error) {
      this.state.update({ view: 'chat', problem: quietly ? '' : told(error) });
    }
  }

  turn(key: number): Turn | undefined {
    return this.state.get().turns.find(one => one.key === key);
  }

  private _edited(key: number, change: (edit: Edit) => Edit): void {
    this.change(key, before => (before.edit ? { ...before, edit: change(before.edit) } : before));
  }

  change(key: number, change: (before: Turn) => Turn): void {
    const { turns } = this.state.get();
    if (turns.some(one => one.key === key)) {
      this.state.update({ turns: turns.map(one => (one.key === key ? change(one) : one)) });
    }
  }
}
