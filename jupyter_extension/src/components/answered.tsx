/** An answer: the question as it was understood, what was assumed, SQL, rows, chart, and what can be done with it. */

import * as React from 'react';

import { drawn, guess } from '../model/chart';
import { ChatModel, Turn } from '../model/chat';
import { plain } from '../model/format';
import { Answer, ChartSpec, Rows } from '../model/frames';
import { settings } from '../model/settings';
import { Assumed } from './assumed';
import { Chart } from './chart';
import { Evidence } from './evidence';
import { Failed } from './fix';
import { Result, tabbed } from './grid';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';
import { Forms, Proposal } from './keeping';
import { Item, Menu } from './menu';
import { SqlBox, SqlEditor } from './sql';
import type { ChatActions } from './turn';

/** The charts that the kernel says fit; of an older one those that the rows say themselves. */
function specsOf(answer: Answer, rows: Rows, edited: boolean): ChartSpec[] {
  const said = edited ? rows.charts : answer.charts;
  if (said) {
    // A single number of one's own SQL stays in its grid, which says its column and its type.
    return edited ? said.filter(one => one.kind !== 'number') : said;
  }
  const one = !edited && 'kind' in answer.chart ? (answer.chart as ChartSpec) : guess(rows);
  return one ? [one] : [];
}

export function Answered(props: {
  turn: Turn;
  last: boolean;
  model: ChatModel;
  actions: ChatActions;
  answer: Answer;
}): React.ReactElement {
  const trans = useTrans();
  const { turn, model, actions, answer } = props;
  const { edit, kept } = turn;
  const { charts } = useStore(settings);
  const body = React.useRef<HTMLDivElement>(null);
  const rows = edit ? edit.rows : turn.rows;
  const drawings = React.useMemo(
    () =>
      (rows ? specsOf(answer, rows, !!edit) : []).flatMap(spec => {
        const drawing = drawn(spec, rows!);
        return drawing ? [{ kind: spec.kind, drawing }] : [];
      }),
    [rows, answer, edit?.rows]
  );
  const chosen = Math.min(kept.chart, drawings.length - 1);
  const drawing = drawings[chosen]?.drawing;
  const sql = edit ? edit.sql : answer.sql;
  const edited = !!edit && edit.sql !== answer.sql;
  const running = model.state.get().turns.some(one => one.state === 'running');
  return (
    <div className="pd-a" ref={body}>
      <p>{plain(answer.text)}</p>
      {!edited && <Assumed turn={turn} answer={answer} model={model} running={running} />}
      {edit ? (
        <SqlEditor
          sql={edit.sql}
          running={edit.state === 'running'}
          onChange={text => model.edit(turn.key, text)}
          onRun={() => model.rerun(turn.key)}
          onStop={() => model.stopEdit(turn.key)}
          onCancel={() => model.endEdit(turn.key)}
        />
      ) : (
        <SqlBox
          sql={answer.sql}
          note={trans.__('checked, read only')}
          onEdit={() => model.startEdit(turn.key)}
          onCopy={actions.copy}
        />
      )}
      {edit?.state === 'stopped' && <p className="pd-past">{trans.__('Stopped.')}</p>}
      {edit?.problem && <Failed turn={turn} model={model} planners={actions.planners()} onCopy={actions.copy} />}
      {drawing && (charts || drawing.kind === 'number') && (
        <Chart
          drawing={drawing}
          kinds={drawings.map(one => one.kind)}
          chosen={chosen}
          partial={rows?.truncated || rows?.more ? rows.rows.length : 0}
          onChoose={at => model.answers.draw(turn.key, at)}
        />
      )}
      {rows && rows.columns.length > 0 && drawing?.kind !== 'number' && (
        <Result
          rows={rows}
          onOpen={actions.grid && (() => actions.grid!(sql, answer.question))}
          onCopy={() => actions.copy(tabbed(rows.columns, rows.rows))}
        />
      )}
      {edit?.rows && !edit.rows.columns.length && (
        <p className="pd-past">
          {edit.rows.affected_rows === null || edit.rows.affected_rows === undefined
            ? trans.__('Done.')
            : trans._n('Done: %1 row changed.', 'Done: %1 rows changed.', edit.rows.affected_rows)}
        </p>
      )}
      {!rows && !edit && (
        <div className="pd-past">
          <span>{trans.__('Its rows are not kept.')}</span>
          <button
            type="button"
            className="pd-link"
            disabled={kept.busy}
            onClick={() => void model.answers.show(turn.key)}
          >
            {trans.__('Show rows')}
          </button>
        </div>
      )}
      {answer.finding && !edit && <p>{plain(answer.finding)}</p>}
      <Actions {...props} sql={sql} rows={rows} figure={() => body.current?.querySelector('svg.pd-chart') ?? null} />
      <Forms turn={turn} model={model} sql={sql} />
      {kept.proposal && (
        <Proposal
          turn={turn}
          model={model}
          first={kept.proposal}
          approvals={actions.approvals}
          onBuild={actions.build}
        />
      )}
      {kept.problem && !kept.form && !kept.proposal && !edit?.problem && (
        <p className="pd-past" role="alert">
          {plain(kept.problem.text)}
        </p>
      )}
      {kept.verified && (
        <p className="pd-past">
          <span>
            <Icon name="check" small /> {trans.__('Verified: “%1”', plain(kept.verified))}
          </span>
        </p>
      )}
      <Evidence answer={answer} edited={edited} elapsed={edit?.rows?.elapsed_s}>
        <Thumbs turn={turn} model={model} answer={answer} />
      </Evidence>
      {props.last && !edit && kept.next && kept.next.length > 0 && (
        <div>
          <span className="pd-lab">{trans.__('Next')}</span>
          <div className="pd-chips">
            {kept.next.map(one => (
              <button
                key={one.question}
                type="button"
                className="pd-chip pd-press"
                onClick={() => model.ask(one.question)}
              >
                {plain(one.question)}
              </button>
            ))}
          </div>
        </div>
      )}
    </div>
  );
}

function Actions(props: {
  turn: Turn;
  model: ChatModel;
  actions: ChatActions;
  answer: Answer;
  sql: string;
  rows: Rows | null;
  figure: () => SVGSVGElement | null;
}): React.ReactElement {
  const trans = useTrans();
  const { turn, model, actions, answer, sql, rows, figure } = props;
  const python = async (): Promise<void> => {
    const source = await model.answers.python(turn.key, sql);
    if (source) {
      actions.insertCell(source, answer);
    }
  };
  const items: Item[] = [
    {
      icon: 'python',
      label: trans.__('Insert as Python'),
      run: () => void python()
    },
    {
      icon: 'check',
      label: trans.__('Save as verified …'),
      disabled: !answer.id,
      run: () => model.answers.open(turn.key, 'verify')
    },
    { icon: 'refresh', label: trans.__('Ask again'), run: () => model.again(turn.key) },
    { icon: 'copy', group: trans.__('Copy'), label: trans.__('SQL'), run: () => actions.copy(sql) },
    {
      icon: 'table',
      label: trans.__('Rows, for a spreadsheet'),
      disabled: !rows?.columns.length,
      run: () => rows && actions.copy(tabbed(rows.columns, rows.rows))
    },
    {
      icon: 'file',
      label: trans.__('Rows as CSV'),
      disabled: !rows?.columns.length,
      run: () => rows && actions.copy(tabbed(rows.columns, rows.rows, ','))
    }
  ];
  for (const format of ['svg', 'png'] as const) {
    items.push({
      icon: 'bars',
      label: format === 'svg' ? trans.__('Chart as SVG') : trans.__('Chart as PNG'),
      disabled: !figure(),
      run: () => {
        const there = figure();
        if (there) {
          void actions.picture(there, format);
        }
      }
    });
  }
  return (
    <div className="pd-do">
      <button type="button" className="pd-btn" onClick={() => actions.insert(sql, answer)}>
        <Icon name="insert" small />
        {trans.__('Insert as SQL cell')}
      </button>
      <button
        type="button"
        className="pd-btn pd-quiet"
        aria-expanded={turn.kept.form === 'view'}
        onClick={() => model.answers.open(turn.key, turn.kept.form === 'view' ? '' : 'view')}
      >
        {trans.__('Save as view')}
      </button>
      <button
        type="button"
        className="pd-btn pd-quiet"
        aria-expanded={turn.kept.form === 'model'}
        onClick={() => model.answers.open(turn.key, turn.kept.form === 'model' ? '' : 'model')}
      >
        {trans.__('Keep as model')}
      </button>
      <span className="pd-end">
        <Menu label={trans.__('More')} items={items} />
      </span>
    </div>
  );
}

function Thumbs(props: { turn: Turn; model: ChatModel; answer: Answer }): React.ReactElement {
  const trans = useTrans();
  const { turn, model, answer } = props;
  return (
    <span className="pd-thumbs">
      {turn.rating === 'down' && !turn.kept.note && turn.kept.form !== 'note' && (
        <button type="button" className="pd-link" onClick={() => model.answers.open(turn.key, 'note')}>
          {trans.__('Say why')}
        </button>
      )}
      {(['up', 'down'] as const).map(one => {
        const word = one === 'up' ? trans.__('Right answer') : trans.__('Wrong answer');
        return (
          <button
            key={one}
            type="button"
            className="pd-ib pd-s"
            disabled={!answer.id}
            aria-label={word}
            title={word}
            aria-pressed={turn.rating === one}
            onClick={() => model.rate(turn.key, one)}
          >
            <Icon name={one} />
          </button>
        );
      })}
    </span>
  );
}
