/** The chat panel: a conversation with the workspace. */

import * as React from 'react';

import { ApprovalsModel, waiting } from '../model/approvals';
import { ChatModel, ChatState, suggestions } from '../model/chat';
import { DataModel } from '../model/data';
import { Table } from '../model/frames';
import { plain } from '../model/format';
import { Link } from '../model/link';
import { sends, settings } from '../model/settings';
import { Store } from '../model/store';
import { ApprovalsList } from './approvals';
import { LinkBanner, Message } from './banner';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';
import { ChatActions, TurnView } from './turn';

export function ChatPanel(props: {
  model: ChatModel;
  data: DataModel;
  approvals: ApprovalsModel;
  link: Store<Link>;
  actions: ChatActions;
}): React.ReactElement {
  const trans = useTrans();
  const { model, actions } = props;
  const state = useStore(model.state);
  const link = useStore(props.link);
  const { tables } = useStore(props.data.state);
  const waits = waiting(useStore(props.approvals.state)).length;
  const approvals = state.view === 'approvals';
  const log = React.useRef<HTMLDivElement>(null);
  const running = state.turns.some(one => one.state === 'running');
  const last = state.turns[state.turns.length - 1];
  React.useLayoutEffect(() => {
    // What comes is shown from its question on; where somebody has scrolled up to read, nothing moves.
    const box = log.current;
    const turn = box?.lastElementChild as HTMLElement | null;
    if (box && turn && (last?.state === 'running' || box.scrollTop <= turn.offsetTop)) {
      box.scrollTop = turn.offsetTop - box.offsetTop - 12;
    }
  }, [state.turns.length, last?.steps.length, last?.state]);
  const first = state.turns[0];
  return (
    <section
      className="pd-panel"
      aria-label={trans.__('Chat')}
      onKeyDown={event => {
        if (event.key === 'Escape' && running) {
          event.stopPropagation();
          model.stop();
        }
      }}
    >
      <div className="pd-head">
        <h2 className="pd-clip" title={approvals ? undefined : first?.question}>
          {approvals ? trans.__('Approvals') : first ? plain(first.question) : trans.__('New conversation')}
        </h2>
        {approvals && waits > 0 && (
          <span className="pd-quiet-text pd-head-note">{trans._n('%1 waiting', '%1 waiting', waits)}</span>
        )}
        {(waits > 0 || approvals) && (
          <button
            type="button"
            className="pd-ib"
            aria-label={trans._n('Approvals, %1 waiting', 'Approvals, %1 waiting', waits)}
            title={trans._n('Approvals, %1 waiting', 'Approvals, %1 waiting', waits)}
            aria-pressed={approvals}
            onClick={() => model.show(approvals ? 'chat' : 'approvals')}
          >
            <Icon name="approve" />
            {waits > 0 && <span className="pd-badge">{waits > 99 ? '99+' : waits}</span>}
          </button>
        )}
        <button
          type="button"
          className="pd-ib"
          aria-label={trans.__('New conversation')}
          title={trans.__('New conversation')}
          onClick={() => model.begin()}
        >
          <Icon name="plus" />
        </button>
        <button
          type="button"
          className="pd-ib"
          aria-label={trans.__('Earlier conversations')}
          title={trans.__('Earlier conversations')}
          aria-pressed={state.earlier !== null}
          disabled={link.status !== 'ready'}
          onClick={() => void model.showEarlier()}
        >
          <Icon name="hist" />
        </button>
      </div>
      <div className="pd-banners pd-above">
        <LinkBanner link={link} onLoad={actions.load} onRetry={actions.retry} />
        {state.problem && <Message icon="error" tone="error" title={state.problem} />}
      </div>
      {approvals ? (
        <ApprovalsList model={props.approvals} />
      ) : state.earlier ? (
        <Earlier state={state} model={model} />
      ) : (
        <div ref={log} className="pd-log" role="log" aria-live="polite" aria-busy={running}>
          {!state.turns.length && link.status === 'ready' && (
            <Empty tables={tables ?? []} planner={state.planner || link.hello!.planner} model={model} />
          )}
          {state.turns.map(turn => (
            <TurnView
              key={turn.key}
              turn={turn}
              last={turn === last}
              busy={link.busy && link.subshell}
              model={model}
              actions={actions}
            />
          ))}
        </div>
      )}
      {!approvals && <Composer state={state} link={link} running={running} model={model} />}
    </section>
  );
}

function Empty(props: { tables: Table[]; planner: string; model: ChatModel }): React.ReactElement {
  const trans = useTrans();
  const largest = [...props.tables].sort((a, b) => (b.rows ?? 0) - (a.rows ?? 0))[0];
  const others = props.tables.length - 1;
  return (
    <div className="pd-empty">
      <h3>
        {!largest
          ? trans.__('Ask about your data')
          : others
            ? trans._n('Ask about %2 and %1 more table', 'Ask about %2 and %1 more tables', others, plain(largest.name))
            : trans.__('Ask about %1', plain(largest.name))}
      </h3>
      <p className="pd-quiet-text">{trans.__('Every answer shows its SQL and the rows it found.')}</p>
      <div className="pd-list">
        {suggestions(props.tables).map(one => (
          <button key={one.question} type="button" className="pd-opt" onClick={() => props.model.ask(one.question)}>
            <span>{one.question}</span>
            <small>{one.table}</small>
            <Icon name="arrow" />
          </button>
        ))}
      </div>
      {props.planner === 'builtin' && (
        <p className="pd-note">
          {trans.__(
            'builtin is a grammar, not a language model. It knows these tables and columns, and says so when a word is new to it.'
          )}
        </p>
      )}
    </div>
  );
}

function Earlier({ state, model }: { state: ChatState; model: ChatModel }): React.ReactElement {
  const trans = useTrans();
  const [search, setSearch] = React.useState('');
  const wanted = search.trim().toLowerCase();
  const found = (state.earlier ?? []).filter(one => one.title.toLowerCase().includes(wanted));
  return (
    <div className="pd-log">
      <label className="pd-field">
        <Icon name="search" small />
        <input
          type="search"
          autoFocus
          aria-label={trans.__('Search conversations')}
          placeholder={trans.__('Search conversations')}
          value={search}
          onChange={event => setSearch(event.target.value)}
        />
      </label>
      {!found.length && <p className="pd-note">{trans.__('None here.')}</p>}
      <div className="pd-list">
        {found.map(one => (
          <button key={one.id} type="button" className="pd-opt" onClick={() => void model.goBack(one.id)}>
            <span className="pd-clip">{plain(one.title)}</span>
            <small>
              {[
                one.changed_at &&
                  new Date(one.changed_at * 1000).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' }),
                one.turns && trans._n('%1 question', '%1 questions', one.turns)
              ]
                .filter(Boolean)
                .join(', ')}
            </small>
            <Icon name="arrow" />
          </button>
        ))}
      </div>
    </div>
  );
}

function Composer(props: { state: ChatState; link: Link; running: boolean; model: ChatModel }): React.ReactElement {
  const trans = useTrans();
  const { state, link, running, model } = props;
  const { askWith } = useStore(settings);
  const box = React.useRef<HTMLTextAreaElement>(null);
  React.useLayoutEffect(() => {
    const there = box.current!;
    there.style.height = '32px';
    there.style.height = `${Math.min(160, Math.max(32, there.scrollHeight))}px`;
  }, [state.draft]);
  const planner = state.planner || link.hello?.planner || 'builtin';
  const stays = planner === 'builtin';
  const leaves = stays
    ? trans.__('Stays on this machine')
    : trans.__('Question and %1 leave', link.hello?.share ?? trans.__('schema'));
  return (
    <form
      className="pd-compose"
      onSubmit={event => {
        event.preventDefault();
        model.ask(state.draft);
      }}
    >
      <div className="pd-box">
        <textarea
          ref={box}
          rows={1}
          dir="auto"
          data-pd-composer=""
          aria-label={trans.__('Ask about your data')}
          placeholder={
            running
              ? trans.__('You can type the next question')
              : state.turns.length
                ? trans.__('Ask a follow-up')
                : trans.__('Ask about your data')
          }
          value={state.draft}
          onChange={event => model.draft(event.target.value)}
          onKeyDown={event => {
            if (sends(event, askWith) && !event.nativeEvent.isComposing) {
              event.preventDefault();
              model.ask(state.draft);
            }
          }}
        />
        <div className="pd-tools">
          <select
            className="pd-plan"
            aria-label={trans.__('Planner')}
            title={trans.__('Planner')}
            value={planner}
            onChange={event => model.planner(event.target.value)}
          >
            {(link.hello?.planners ?? [planner]).map(one => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
          <span className={`pd-leaves${stays ? '' : ' pd-out'}`}>
            <Icon name={stays ? 'local' : 'out'} small />
            <span className="pd-clip" title={leaves}>
              {leaves}
            </span>
          </span>
          {running ? (
            <button type="button" className="pd-stop" title={trans.__('Stop (Esc)')} onClick={() => model.stop()}>
              <span className="pd-sq" />
              {trans.__('Stop')}
            </button>
          ) : (
            <button
              type="submit"
              className="pd-send"
              aria-label={trans.__('Ask')}
              title={askWith === 'Enter' ? trans.__('Ask (Enter)') : trans.__('Ask (Ctrl+Enter)')}
              disabled={!state.draft.trim()}
            >
              <Icon name="send" />
            </button>
          )}
        </div>
      </div>
    </form>
  );
}
