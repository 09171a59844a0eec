/** The box that questions are typed into: mentions, who is asked, what leaves the machine, what it has cost. */

import * as React from 'react';

import { ChatModel, ChatState } from '../model/chat';
import { ComposerModel } from '../model/composer';
import { dollars, spent } from '../model/cost';
import { DataModel } from '../model/data';
import { plain, whole } from '../model/format';
import { PlannerInfo } from '../model/frames';
import { Link } from '../model/link';
import { filesIn, folderOf, Offer, offers, picked, typedAt, withTable } from '../model/mentions';
import { sends, settings } from '../model/settings';
import { Message } from './banner';
import { IconName } from './drawings';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';

const ICONS: Record<Offer['kind'], IconName> = {
  table: 'table',
  view: 'view',
  frame: 'frame',
  column: 'hash',
  file: 'file',
  folder: 'folder'
};

interface Props {
  state: ChatState;
  link: Link;
  running: boolean;
  model: ChatModel;
  composer: ComposerModel;
  data: DataModel;
}

export const infoOf = (link: Link, planner: string): PlannerInfo =>
  link.hello?.asks?.find(one => one.name === planner) ?? {
    name: planner,
    asks: '',
    leaves: planner !== 'builtin',
    model: '',
    asks_model: false,
    problem: ''
  };

export function Composer(props: Props): React.ReactElement {
  const trans = useTrans();
  const { state, link, running, model } = props;
  const { askWith } = useStore(settings);
  const box = React.useRef<HTMLTextAreaElement>(null);
  const list = useMentions(props, box);
  React.useLayoutEffect(() => {
    const there = box.current!;
    there.style.height = '32px';
    there.style.height = `${Math.min(160, Math.max(32, there.scrollHeight))}px`;
  }, [state.draft]);
  const planner = state.planner || link.hello?.planner || 'builtin';
  const info = infoOf(link, planner);
  const leaves = info.leaves
    ? trans.__('Question leaves')
    : info.asks_model
      ? trans.__('Asks a model on this machine')
      : trans.__('Stays on this machine');
  const nobody = info.asks_model && !(state.model || info.model);
  return (
    <form
      className="pd-compose"
      onSubmit={event => {
        event.preventDefault();
        model.ask(state.draft);
      }}
    >
      <Files {...props} />
      <Leaves {...props} info={info} />
      <div className="pd-box">
        {list.popup}
        <textarea
          ref={box}
          rows={1}
          dir="auto"
          data-pd-composer=""
          aria-label={trans.__('Ask about your data')}
          aria-autocomplete="list"
          aria-controls={list.open ? list.id : undefined}
          aria-activedescendant={list.open ? `${list.id}-${list.at}` : undefined}
          placeholder={
            running
              ? trans.__('You can type the next question')
              : state.turns.length
                ? trans.__('Ask a follow-up')
                : trans.__('Ask about your data')
          }
          value={state.draft}
          onChange={event => {
            model.draft(event.target.value);
            list.moved();
          }}
          onSelect={list.moved}
          onBlur={list.left}
          onKeyDown={event => {
            if (list.key(event)) {
              return;
            }
            if (sends(event, askWith) && !event.nativeEvent.isComposing) {
              event.preventDefault();
              if (!nobody) {
                model.ask(state.draft);
              }
            }
          }}
        />
        <div className="pd-tools">
          <button
            type="button"
            className="pd-ib pd-s"
            aria-label={trans.__('Mention a table, column, DataFrame or file')}
            title={trans.__('Mention a table, column, DataFrame or file')}
            onClick={list.begin}
          >
            <Icon name="at" />
          </button>
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
          <span className={`pd-leaves${info.leaves ? ' pd-out' : ''}`}>
            <Icon name={info.leaves ? 'out' : 'local'} small />
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
              disabled={!state.draft.trim() || nobody}
            >
              <Icon name="send" />
            </button>
          )}
        </div>
      </div>
    </form>
  );
}

interface Mentions {
  id: string;
  open: boolean;
  at: number;
  popup: React.ReactElement | null;
  /** Whether the key was the list's. */
  key: (event: React.KeyboardEvent) => boolean;
  moved: () => void;
  left: () => void;
  begin: () => void;
}

/** The list of what may be mentioned, for the word at the caret. */
function useMentions(props: Props, box: React.RefObject<HTMLTextAreaElement>): Mentions {
  const trans = useTrans();
  const { state, model, composer, data } = props;
  const { tables, profiles } = useStore(data.state);
  const { folders } = useStore(composer.state);
  const [caret, setCaret] = React.useState(-1);
  const [closed, setClosed] = React.useState(-1);
  const [at, setAt] = React.useState(0);
  const put = React.useRef(-1);
  const id = React.useId();
  const typed = caret < 0 ? null : typedAt(state.draft, caret);
  const folder = typed ? folderOf(typed.query) : '';
  const start = typed?.start ?? -1;
  React.useEffect(() => {
    if (start >= 0) {
      composer.look(folder);
    } else {
      composer.forget();
    }
  }, [start >= 0, folder, composer]);
  React.useLayoutEffect(() => {
    if (put.current >= 0 && box.current) {
      box.current.focus();
      box.current.setSelectionRange(put.current, put.current);
      setCaret(put.current);
      put.current = -1;
    }
  }, [state.draft]);
  const found = typed ? offers(typed.query, tables ?? [], folders[folder] ?? [], profiles) : [];
  // What is written to its end needs no list: Enter asks.
  const whole_ = typed !== null && found[0]?.text === state.draft.slice(start, caret);
  const open = found.length > 0 && closed !== start && !whole_;
  const chosen = Math.min(at, found.length - 1);
  React.useEffect(() => {
    if (open) {
      document.getElementById(`${id}-${chosen}`)?.scrollIntoView({ block: 'nearest' });
    }
  }, [open, chosen]);
  const take = (offer: Offer): void => {
    const [text, next] = picked(state.draft, caret, typed!, offer);
    put.current = next;
    setAt(0);
    model.draft(text);
  };
  const wanted = typed?.query.toLowerCase() ?? '';
  return {
    id,
    open,
    at: chosen,
    moved: () => {
      const there = box.current;
      const next = there && there.selectionStart === there.selectionEnd ? there.selectionStart : -1;
      if (next !== caret) {
        setCaret(next);
        setAt(0);
      }
      if (closed >= 0 && there && !there.value.slice(closed).startsWith('@')) {
        setClosed(-1);
      }
    },
    left: () => setCaret(-1),
    begin: () => {
      const there = box.current!;
      const where = there.selectionStart;
      const before = state.draft.slice(0, where);
      const mark = before && !/\s$/.test(before) ? ' @' : '@';
      put.current = where + mark.length;
      setClosed(-1);
      model.draft(before + mark + state.draft.slice(where));
    },
    key: event => {
      if (!open || event.nativeEvent.isComposing) {
        return false;
      }
      const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
      if (step) {
        setAt((chosen + step + found.length) % found.length);
      } else if (
        (event.key === 'Enter' || event.key === 'Tab') &&
        !event.shiftKey &&
        !event.ctrlKey &&
        !event.metaKey
      ) {
        take(found[chosen]);
      } else if (event.key === 'Escape') {
        event.stopPropagation();
        setClosed(start);
      } else {
        return false;
      }
      event.preventDefault();
      return true;
    },
    popup: open ? (
      <div
        className="pd-mentions"
        id={id}
        role="listbox"
        aria-label={trans.__('Tables, columns, DataFrames and files')}
        // The box keeps the focus, or the list would be gone before the click.
        onMouseDown={event => event.preventDefault()}
      >
        {found.map((one, index) => (
          <div
            key={one.text}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === chosen}
            className="pd-mention"
            title={plain(one.name)}
            onClick={() => take(one)}
          >
            <Icon name={ICONS[one.kind]} />
            <bdi className="pd-clip">
              @<Marked text={plain(one.name)} wanted={wanted} />
            </bdi>
            <small>{one.detail || (one.kind === 'frame' ? trans.__('in kernel') : '')}</small>
          </div>
        ))}
      </div>
    ) : null
  };
}

function Marked({ text, wanted }: { text: string; wanted: string }): React.ReactElement {
  const at = wanted ? text.toLowerCase().lastIndexOf(wanted) : -1;
  return at < 0 ? (
    <>{text}</>
  ) : (
    <>
      {text.slice(0, at)}
      <b>{text.slice(at, at + wanted.length)}</b>
      {text.slice(at + wanted.length)}
    </>
  );
}

/** A file that is mentioned is no table yet: it can be made one here. */
function Files({ state, model, composer }: Props): React.ReactElement | null {
  const trans = useTrans();
  const { folders, load } = useStore(composer.state);
  const known = React.useMemo(() => Object.values(folders).flat(), [folders]);
  React.useEffect(() => {
    composer.onLoaded = (path, table) => model.draft(withTable(model.state.get().draft, path, table));
  }, [composer, model]);
  const [file] = filesIn(state.draft, known);
  if (load?.state === 'running') {
    return (
      <div className="pd-msg pd-plain" role="status">
        <span className="pd-spin" />
        <span className="pd-msg-text">
          {trans.__('Loading %1', plain(load.path))}
          {load.rows > 0 && `, ${trans.__('%1 rows', whole(load.rows))}`}
          <button type="button" className="pd-link" onClick={() => composer.stopLoad()}>
            {trans.__('Stop')}
          </button>
        </span>
      </div>
    );
  }
  if (!file) {
    return null;
  }
  const failed = load?.state === 'failed' && load.path === file.path;
  return (
    <Message
      icon={failed ? 'error' : 'file'}
      tone={failed ? 'error' : 'plain'}
      title={
        failed
          ? trans.__('%1 was not loaded.', plain(file.name))
          : trans.__('%1 is a file, not a table.', plain(file.name))
      }
      text={failed ? plain(load.problem) : trans.__('Questions are about tables.')}
      action={failed ? trans.__('Try again') : trans.__('Load it as a table')}
      onAction={() => composer.load(file.path)}
    />
  );
}

/** Before a question goes to a model: what of it, to whom, and what was spent so far. */
function Leaves(props: Props & { info: PlannerInfo }): React.ReactElement | null {
  const trans = useTrans();
  const { state, link, model, composer, info } = props;
  const { tables } = useStore(props.data.state);
  const { models, problem } = useStore(composer.state);
  const names = React.useId();
  const cost = spent(state.turns.map(one => one.answer));
  const meter =
    cost.questions > 0 &&
    trans._n(
      'This conversation: %1 question, %2',
      'This conversation: %1 questions, %2',
      cost.questions,
      [
        trans.__('%1 tokens', whole(cost.tokens)),
        cost.known ? `${dollars(cost.usd)} USD` : trans.__('price not known')
      ].join(', ')
    ) + '.';
  if (!link.hello || (!info.asks_model && !info.leaves)) {
    return meter ? <p className="pd-note pd-meter">{meter}</p> : null;
  }
  const count = (tables ?? []).filter(one => one.kind !== 'frame').length;
  const share = link.hello?.share ?? 'schema';
  const listed = models[info.name];
  const before = state.turns.some(one => one.answer);
  const what = before
    ? trans._n(
        'this question, those before it and %1 table schema',
        'this question, those before it and %1 table schemas',
        count
      )
    : trans._n('this question and %1 table schema', 'this question and %1 table schemas', count);
  return (
    <div className={`pd-msg ${info.leaves ? 'pd-warn' : 'pd-plain'} pd-sends`} role="note">
      <Icon name={info.leaves ? 'out' : 'local'} />
      <div className="pd-msg-text">
        {info.leaves
          ? info.asks
            ? trans.__('Sends %1 to %2.', what, info.asks)
            : trans.__('May send %1 out: nobody here knows what this planner does.', what)
          : trans.__('Tells %1 to a model on this machine, at %2.', what, info.asks)}{' '}
        <b>
          {share === 'rows'
            ? trans.__('Values and rows, too.')
            : share === 'values'
              ? trans.__('Frequent values, too; no rows.')
              : trans.__('No rows.')}
        </b>
        {info.asks_model && (
          <div className="pd-model">
            <label>
              {trans.__('Model')}
              <input
                list={names}
                spellCheck={false}
                placeholder={info.model || trans.__('its name at the server')}
                value={state.model}
                onChange={event => model.model(event.target.value)}
              />
            </label>
            <datalist id={names}>
              {(Array.isArray(listed) ? listed : []).map(one => (
                <option key={one} value={one} />
              ))}
            </datalist>
            <button
              type="button"
              className="pd-link"
              disabled={listed === 'asking'}
              title={trans.__('Asks the server for their names')}
              onClick={() => composer.listModels(info.name)}
            >
              {listed === 'asking'
                ? trans.__('Asking')
                : Array.isArray(listed) && listed.length
                  ? trans._n('%1 model', '%1 models', listed.length)
                  : trans.__('List')}
            </button>
          </div>
        )}
        {info.asks_model && !(state.model || info.model) && (
          <span className="pd-note">{trans.__('No model is named yet: type one, or list those of the server.')}</span>
        )}
        {problem && <span className="pd-note">{plain(problem)}</span>}
        {meter && <span className="pd-note pd-meter">{meter}</span>}
      </div>
    </div>
  );
}
