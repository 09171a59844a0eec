/** Earlier conversations: found again, renamed, told elsewhere, forgotten. */

import { Client } from './client';
import { told } from './data';
import { Conversation } from './frames';
import { Store } from './store';

export interface ConversationsState {
  /** Those that fit the search, last used first; null: not looked yet. */
  list: Conversation[] | null;
  search: string;
  /** Whose title is being written, and how it stands. */
  renaming: { id: string; title: string } | null;
  /** Which one is to be forgotten, once it is said again. */
  forgetting: string;
  problem: string;
}

export const NO_CONVERSATIONS: ConversationsState = {
  list: null,
  search: '',
  renaming: null,
  forgetting: '',
  problem: ''
};
const MOST = 100;

export class ConversationsModel {
  readonly state = new Store<ConversationsState>(NO_CONVERSATIONS);
  onRenamed: (one: Conversation) => void = () => undefined;
  onForgotten: (id: string) => void = () => undefined;
  private _client: Client | null = null;
  private _round = 0;

  attach(client: Client | null): void {
    this._client = client;
    this.state.set(NO_CONVERSATIONS);
  }

  open(): void {
    this.state.set({ ...NO_CONVERSATIONS, list: this.state.get().list });
    void this.search('');
  }

  async search(search: string): Promise<void> {
    const round = ++this._round;
    this.state.update({ search });
    if (!this._client) {
      return;
    }
    try {
      const frame = await this._client.request('conversations', { search, limit: MOST }).done;
      if (round === this._round) {
        this.state.update({ list: frame.conversations as Conversation[], problem: '' });
      }
    } catch (error) {
      if (round === this._round) {
        this.state.update({ problem: told(error) });
      }
    }
  }

  startRename(one: Conversation): void {
    this.state.update({ renaming: { id: one.id, title: one.title }, forgetting: '' });
  }

  type(title: string): void {
    const { renaming } = this.state.get();
    this.state.update({ renaming: renaming && { ...renaming, title } });
  }

  leave(): void {
    this.state.update({ renaming: null, forgetting: '' });
  }

  async rename(): Promise<void> {
    const { renaming } = this.state.get();
    if (!renaming || !this._client) {
      return;
    }
    try {
      const { id, title } = renaming;
      const frame = await this._client.request('rename', { conversation: id, title }).done;
      const named = frame.conversation as Conversation;
      const list = this.state.get().list?.map(one => (one.id === id ? { ...one, title: named.title } : one)) ?? null;
      this.state.update({ list, renaming: null, problem: '' });
      this.onRenamed(named);
    } catch (error) {
      this.state.update({ problem: told(error) });
    }
  }

  startForget(id: string): void {
    this.state.update({ forgetting: id, renaming: null });
  }

  async forget(): Promise<void> {
    const { forgetting } = this.state.get();
    if (!forgetting || !this._client) {
      return;
    }
    try {
      await this._client.request('forget', { conversation: forgetting }).done;
      const list = this.state.get().list?.filter(one => one.id !== forgetting) ?? null;
      this.state.update({ list, forgetting: '', problem: '' });
      this.onForgotten(forgetting);
    } catch (error) {
      this.state.update({ problem: told(error) });
    }
  }

  /** As Markdown; null: it could not be had, and `problem` says why. */
  async markdown(id: string): Promise<string | null> {
    try {
      const frame = await this._client?.request('markdown', { conversation: id }).done;
      return frame ? String(frame.text) : null;
    } catch (error) {
      this.state.update({ problem: told(error) });
      return null;
    }
  }
}
