/** Earlier conversations: searched, gone back to, renamed, taken along, forgotten. */

import * as React from 'react';

import { ConversationsModel } from '../model/conversations';
import { Conversation } from '../model/frames';
import { plain } from '../model/format';
import { Message } from './banner';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';

export function Conversations(props: {
  model: ConversationsModel;
  current: string;
  onOpen: (one: Conversation) => void;
  onExport: (one: Conversation) => void;
}): React.ReactElement {
  const trans = useTrans();
  const { model } = props;
  const state = useStore(model.state);
  return (
    <div className="pd-log pd-earlier">
      <label className="pd-field">
        <Icon name="search" small />
        <input
          type="search"
          autoFocus
          aria-label={trans.__('Search conversations')}
          placeholder={trans.__('Search questions, answers, SQL')}
          value={state.search}
          onChange={event => void model.search(event.target.value)}
        />
      </label>
      {state.problem && <Message icon="error" tone="error" title={trans.__('Not done.')} text={plain(state.problem)} />}
      {state.list && !state.list.length && (
        <p className="pd-note">
          {state.search ? trans.__('No conversation has these words.') : trans.__('Nothing was asked here yet.')}
        </p>
      )}
      <ul className="pd-talks">
        {(state.list ?? []).map(one => (
          <Row key={one.id} {...props} one={one} />
        ))}
      </ul>
    </div>
  );
}

function Row(props: {
  one: Conversation;
  model: ConversationsModel;
  current: string;
  onOpen: (one: Conversation) => void;
  onExport: (one: Conversation) => void;
}): React.ReactElement {
  const trans = useTrans();
  const { one, model } = props;
  const { renaming, forgetting } = useStore(model.state);
  const title = plain(one.title);
  if (renaming?.id === one.id) {
    return (
      <li>
        <form
          className="pd-rename"
          onSubmit={event => {
            event.preventDefault();
            void model.rename();
          }}
          onKeyDown={event => {
            if (event.key === 'Escape') {
              event.stopPropagation();
              model.leave();
            }
          }}
        >
          <span className="pd-field">
            <input
              autoFocus
              aria-label={trans.__('Title')}
              maxLength={200}
              value={renaming.title}
              onFocus={event => event.target.select()}
              onChange={event => model.type(event.target.value)}
            />
          </span>
          <button type="submit" className="pd-btn" disabled={!renaming.title.trim()}>
            {trans.__('Rename')}
          </button>
          <button type="button" className="pd-btn pd-quiet" onClick={() => model.leave()}>
            {trans.__('Back')}
          </button>
        </form>
      </li>
    );
  }
  if (forgetting === one.id) {
    return (
      <li className="pd-forget" role="group" aria-label={trans.__('Forget %1', title)}>
        <p>
          {trans.__('Forget this conversation and its answers?')} <bdi className="pd-quiet-text">{title}</bdi>
        </p>
        <div className="pd-do">
          {/* The focus is on the one that changes nothing: Enter forgets nothing by itself. */}
          <button type="button" className="pd-btn" autoFocus onClick={() => model.leave()}>
            {trans.__('Keep')}
          </button>
          <button type="button" className="pd-btn pd-quiet" onClick={() => void model.forget()}>
            {trans.__('Forget conversation')}
          </button>
        </div>
      </li>
    );
  }
  const action = (name: 'edit' | 'save' | 'trash', word: string, act: () => void): React.ReactElement => (
    <button
      type="button"
      className="pd-ib pd-s"
      aria-label={trans.__('%1: %2', word, title)}
      title={word}
      onClick={act}
    >
      <Icon name={name} small />
    </button>
  );
  return (
    <li className={one.id === props.current ? 'pd-sel' : undefined}>
      <button
        type="button"
        className="pd-talk"
        title={title}
        aria-current={one.id === props.current || undefined}
        onClick={() => props.onOpen(one)}
      >
        <bdi className="pd-clip">{title}</bdi>
        <small>
          {[
            one.changed_at &&
              new Date(one.changed_at * 1000).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' }),
            one.turns && trans._n('%1 question', '%1 questions', one.turns)
          ]
            .filter(Boolean)
            .join(', ')}
        </small>
      </button>
      <span className="pd-talk-acts">
        {action('edit', trans.__('Rename'), () => model.startRename(one))}
        {action('save', trans.__('Export as Markdown'), () => props.onExport(one))}
        {action('trash', trans.__('Forget'), () => model.startForget(one.id))}
      </span>
    </li>
  );
}
