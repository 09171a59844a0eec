/** The chat panel: a conversation with the workspace. */

import * as React from 'react';

import { ApprovalsModel, waiting } from '../model/approvals';
import { ChatModel, suggestions } from '../model/chat';
import { ComposerModel } from '../model/composer';
import { ConversationsModel } from '../model/conversations';
import { DataModel } from '../model/data';
import { Conversation, Table } from '../model/frames';
import { plain } from '../model/format';
import { Link } from '../model/link';
import { Store } from '../model/store';
import { ApprovalsList } from './approvals';
import { LinkBanner, Message } from './banner';
import { Composer } from './composer';
import { Conversations } from './conversations';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';
import { ChatActions, TurnView } from './turn';

export function ChatPanel(props: {
  model: ChatModel;
  data: DataModel;
  approvals: ApprovalsModel;
  composer: ComposerModel;
  conversations: ConversationsModel;
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
  const title = state.title || first?.question;
  const save = async (one: Conversation): Promise<void> => {
    const text = await props.conversations.markdown(one.id);
    if (text !== null) {
      actions.save(fileName(one.title), text);
    }
  };
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
        <h2 className="pd-clip" title={approvals ? undefined : title}>
          {approvals ? trans.__('Approvals') : title ? plain(title) : trans.__('New conversation')}
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
          aria-pressed={state.view === 'earlier'}
          disabled={link.status !== 'ready'}
          onClick={() => model.show(state.view === 'earlier' ? 'chat' : 'earlier')}
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
      ) : state.view === 'earlier' ? (
        <Conversations
          model={props.conversations}
          current={state.conversation}
          onOpen={one => void model.goBack(one.id, false, one.title)}
          onExport={one => void save(one)}
        />
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
      {!approvals && (
        <Composer
          state={state}
          link={link}
          running={running}
          model={model}
          composer={props.composer}
          data={props.data}
        />
      )}
    </section>
  );
}

/** Of a title, what every file system takes. */
const fileName = (title: string): string =>
  `${
    title
      .replace(/[^\p{L}\p{N}_-]+/gu, ' ')
      .trim()
      .slice(0, 60)
      .trim() || 'conversation'
  }.md`;

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
