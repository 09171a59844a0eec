/** What a person does with an answer beside reading it: mend its SQL, keep it, go on from it. */

import type { Approval } from './approvals';
import type { ChatModel } from './chat';
import { told } from './data';
import { Answer, Fix, Offer, PanelError } from './frames';

export type Form = '' | 'view' | 'model' | 'verify' | 'define' | 'note';

export interface Kept {
  /** The form that is open beside it. */
  form: Form;
  /** Of the form; with the code of what was refused. */
  problem: { code: string; text: string } | null;
  busy: boolean;
  /** Which of the charts that fit is drawn. */
  chart: number;
  /** Null: not looked for yet. */
  next: Offer[] | null;
  /** What was proposed from it, as it was then. */
  proposal: Approval | null;
  /** The question that was verified. */
  verified: string;
  /** What is proposed for its SQL that did not run; 'looking' while it is worked out. */
  fix: Fix | 'looking' | null;
  /** What was said of a wrong answer. */
  note: string;
}

export const NOTHING: Kept = {
  form: '',
  problem: null,
  busy: false,
  chart: 0,
  next: null,
  proposal: null,
  verified: '',
  fix: null,
  note: ''
};

export class Answers {
  constructor(private _chat: ChatModel) {}

  /** Questions that may come next: they have been tried before they are offered. */
  next(key: number): void {
    const turn = this._chat.turn(key);
    const answer = turn?.answer;
    if (!answer?.id || answer.status === 'clarify' || !this._chat.client) {
      return;
    }
    const value = turn!.rows?.rows[0]?.find(one => typeof one === 'string' && one.length > 1);
    const request = this._chat.client.request('follow_ups', {
      answer: answer.id,
      ...(typeof value === 'string' ? { value } : {})
    });
    request.done.then(
      frame => this._keep(key, { next: frame.questions as Offer[] }),
      () => undefined // a courtesy: without it nothing is missing
    );
  }

  draw(key: number, chart: number): void {
    this._keep(key, { chart });
  }

  open(key: number, form: Form): void {
    this._keep(key, { form, problem: null });
  }

  /** What would mend the SQL that did not run: by rules, or as a planner says. `meant`: words and what stands for them. */
  fix(key: number, meant: Record<string, string> = {}, planner = ''): void {
    const sql = this._chat.turn(key)?.edit?.sql;
    if (!sql || !this._chat.client) {
      return;
    }
    this._keep(key, { fix: 'looking' });
    const same = (): boolean => this._chat.turn(key)?.edit?.sql === sql;
    this._chat.client.request('fix', { sql, meant, ...(planner ? { planner } : {}) }).done.then(
      frame => same() && this._keep(key, { fix: frame as unknown as Fix }),
      error => {
        // What can't be mended was said by the error itself; a planner that failed has to say why.
        const problem = planner && same() ? { code: '', text: told(error) } : null;
        this._keep(key, { fix: null, problem });
      }
    );
  }

  dismissFix(key: number): void {
    this._keep(key, { fix: null });
  }

  applyFix(key: number, run: boolean): void {
    const fix = this._chat.turn(key)?.kept.fix;
    if (fix && fix !== 'looking' && fix.fixed) {
      this._chat.edit(key, fix.fixed);
      if (run) {
        this._chat.rerun(key);
      }
    }
  }

  /** A view, or an entry of semantics.yaml: it waits until somebody approves it. */
  propose(key: number, kind: 'view' | 'semantics', target: string, body: unknown): Promise<void> {
    const question = this._chat.turn(key)?.question ?? '';
    return this._do(key, 'propose', { kind, target, body, question }, frame => ({
      proposal: frame.approval as Approval,
      form: ''
    }));
  }

  /** A dbt model, or one in place of a model that is there. SQL that was edited here goes along. */
  proposeModel(key: number, name: string, wishes: Record<string, unknown>): Promise<void> {
    const turn = this._chat.turn(key);
    const edited = turn?.edit && turn.edit.sql !== turn.answer?.sql;
    const sql = edited || !turn?.answer?.id ? { body: turn?.edit?.sql ?? turn?.answer?.sql } : {};
    const answer = turn?.answer?.id ? { answer: turn.answer.id } : { question: turn?.question ?? '' };
    return this._do(key, 'propose', { kind: 'model', target: name, ...answer, ...sql, ...wishes }, frame => ({
      proposal: frame.approval as Approval,
      form: ''
    }));
  }

  verify(key: number, question: string, replace: boolean): Promise<void> {
    const turn = this._chat.turn(key);
    const sql = turn?.edit && turn.edit.sql !== turn.answer?.sql ? { sql: turn.edit.sql } : {};
    const content = { answer: turn?.answer?.id, question, replace, ...sql };
    return this._do(key, 'verify', content, frame => {
      this._chat.change(key, before => ({ ...before, rating: 'up' }));
      return { verified: String(frame.question), form: '' };
    });
  }

  /** What was wrong with a wrong answer. */
  note(key: number, note: string): Promise<void> {
    const answer = this._chat.turn(key)?.answer?.id;
    return this._do(key, 'rate', { answer, rating: 'down', note }, () => ({ form: '', note }));
  }

  /** The source of a cell that gives the rows as a DataFrame. */
  async python(key: number, sql: string): Promise<string> {
    let source = '';
    await this._do(key, 'python', { sql }, frame => {
      source = String(frame.source);
      return {};
    });
    return source;
  }

  /** Rows of an answer that was kept without them. */
  async show(key: number): Promise<void> {
    const answer = this._chat.turn(key)?.answer?.id;
    await this._do(key, 'show', { answer }, frame => {
      const found = frame.answer as Answer;
      this._chat.change(key, before => ({
        ...before,
        rows: found.rows ?? null,
        answer: before.answer && { ...before.answer, charts: found.charts, finding: found.finding, chart: found.chart }
      }));
      return {};
    });
  }

  private async _do(
    key: number,
    op: string,
    content: Record<string, unknown>,
    then: (frame: Record<string, unknown>) => Partial<Kept>
  ): Promise<void> {
    if (!this._chat.client) {
      return;
    }
    this._keep(key, { busy: true, problem: null });
    try {
      const frame = await this._chat.client.request(op, content).done;
      this._keep(key, { busy: false, ...then(frame) });
    } catch (error) {
      const replaceable = error instanceof PanelError && error.facts.replaceable === true;
      const code = replaceable ? 'replaceable' : error instanceof PanelError ? error.code : '';
      this._keep(key, { busy: false, problem: { code, text: told(error) } });
    }
  }

  private _keep(key: number, change: Partial<Kept>): void {
    this._chat.change(key, before => ({ ...before, kept: { ...before.kept, ...change } }));
  }
}
