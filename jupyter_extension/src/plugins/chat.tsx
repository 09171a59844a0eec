/** The chat panel, in the right area. */

import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard, Notification } from '@jupyterlab/apputils';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { ChatPanel } from '../components/chat';
import { Trans } from '../components/hooks';
import { chatIcon } from '../components/icon';
import { pixels, standing } from '../components/picture';
import { ChatActions } from '../components/turn';
import { waiting } from '../model/approvals';
import { ChatModel } from '../model/chat';
import { ComposerModel } from '../model/composer';
import { ConversationsModel } from '../model/conversations';
import { rememberedBy } from '../model/remembered';
import { cellOf } from '../model/sql';
import { insertCell, loadExtension } from '../notebook/cells';
import { IPlutoDuck } from '../tokens';
import { intoNotebook } from './front';
import { COMMANDS, offered } from './names';

const NO_ARGS = { args: { type: 'object', properties: {} } };

export const chat: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:chat',
  description: 'A conversation with the workspace, in the right area.',
  autoStart: true,
  requires: [IPlutoDuck],
  optional: [ITranslator, ILayoutRestorer, IStateDB],
  activate: (
    app: JupyterFrontEnd,
    pluto: IPlutoDuck,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    states: IStateDB | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    const { connection } = pluto;
    const model = new ChatModel();
    const composer = new ComposerModel();
    const conversations = new ConversationsModel();
    conversations.onRenamed = one => model.renamed(one.id, one.title);
    conversations.onForgotten = id => model.forgotten(id);
    let view = model.state.get().view;
    model.state.watch(() => {
      const now = model.state.get().view;
      if (now !== view) {
        view = now;
        if (now === 'earlier') {
          conversations.open();
        }
      }
    });
    const key = (root: string): string => `pluto-duck:conversation:${root}`;
    // Lab writes its own state down a moment later; a reload may be quicker.
    const remembered = rememberedBy(() => window.sessionStorage);
    model.onConversation = (root, id) => {
      remembered.put(key(root), id);
      void states?.save(key(root), id);
    };
    let client = connection.link.get().client;
    const follow = (): void => {
      const link = connection.link.get();
      if (link.client !== client) {
        client = link.client;
        const begun = async (root: string): Promise<string> =>
          remembered.get(key(root)) ?? String((await states?.fetch(key(root))) ?? '');
        composer.attach(client);
        conversations.attach(client);
        model.attach(client, link.hello?.workspace.root ?? '', begun);
      }
    };
    connection.link.watch(follow);
    const actions: ChatActions = {
      load: () => connection.panel && loadExtension(connection.panel),
      retry: () => connection.retry(),
      copy: text => Clipboard.copyToSystem(text),
      save: download,
      get grid() {
        const open = (sql: string, title: string): void => void app.commands.execute(COMMANDS.preview, { sql, title });
        return offered(app, COMMANDS.preview, open);
      },
      insert: (sql, answer) => actions.insertCell(cellOf(sql), answer),
      insertCell: (source, answer) => {
        const facts = { question: answer.question, planner: answer.planner, answer: answer.id };
        void intoNotebook(app, connection, trans, panel => insertCell(panel, source, facts));
      },
      picture: async (chart, format) => {
        if (format === 'svg') {
          Clipboard.copyToSystem(standing(chart));
          return;
        }
        try {
          await navigator.clipboard.write([new ClipboardItem({ 'image/png': pixels(chart) })]);
        } catch (error) {
          // Not every browser lets a page write pictures.
          const message = error instanceof Error ? error.message : String(error);
          void Notification.warning(trans.__('The picture could not be copied: %1', message));
        }
      },
      approvals: pluto.approvals,
      build: built => {
        // Earlier wishes are not this one's.
        pluto.builds.change({ ...built, verb: 'build', exclude: '', full: false });
        void pluto.builds.start();
        if (app.commands.hasCommand(COMMANDS.dbt)) {
          void app.commands.execute(COMMANDS.dbt);
        }
      },
      planners: () => connection.link.get().hello?.planners ?? [],
      tables: () =>
        (pluto.data.state.get().tables ?? [])
          .filter(one => one.kind !== 'frame')
          .sort((a, b) => (b.rows ?? 0) - (a.rows ?? 0))
          .map(one => ({ name: one.name, columns: one.columns.map(column => column.name) })),
      draft: question => {
        model.draft(question);
        show();
      }
    };
    const panel = ReactWidget.create(
      <Trans.Provider value={trans}>
        <ChatPanel
          model={model}
          data={pluto.data}
          approvals={pluto.approvals}
          composer={composer}
          conversations={conversations}
          link={connection.link}
          actions={actions}
        />
      </Trans.Provider>
    );
    panel.id = 'pluto-duck-chat';
    panel.addClass('pd-root');
    panel.title.icon = chatIcon;
    panel.title.caption = trans.__('Chat (pluto-duck)');
    app.shell.add(panel, 'right', { rank: 150 });
    restorer?.add(panel, panel.id);

    const show = (): void => {
      app.shell.activateById(panel.id);
      const compose = (): void => panel.node.querySelector<HTMLElement>('[data-pd-composer]')?.focus();
      requestAnimationFrame(() => requestAnimationFrame(compose));
    };
    app.commands.addCommand(COMMANDS.showChat, {
      label: trans.__('Show Chat'),
      caption: trans.__('Ask about the data of this notebook'),
      icon: chatIcon,
      describedBy: NO_ARGS,
      execute: show
    });
    app.commands.addCommand(COMMANDS.showApprovals, {
      label: trans.__('Show Approvals'),
      caption: trans.__('Changes that wait for your word'),
      icon: chatIcon,
      describedBy: NO_ARGS,
      execute: () => {
        app.shell.activateById(panel.id);
        model.show('approvals');
      }
    });
    const badge = (): void => {
      const number = waiting(pluto.approvals.state.get()).length;
      panel.title.dataset = number ? { 'pd-waiting': String(number) } : {};
      panel.title.caption = number
        ? trans._n('Chat (pluto-duck): %1 change waits for you', 'Chat (pluto-duck): %1 changes wait for you', number)
        : trans.__('Chat (pluto-duck)');
    };
    pluto.approvals.state.watch(badge);
    app.commands.addCommand(COMMANDS.ask, {
      label: trans.__('Ask …'),
      caption: trans.__('Ask a question, or begin one about a table'),
      icon: chatIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            question: { type: 'string', description: trans.__('Is asked at once') },
            about: { type: 'string', description: trans.__('A name to begin a question with') }
          }
        }
      },
      execute: args => {
        if (typeof args.question === 'string') {
          model.ask(args.question);
        } else if (typeof args.about === 'string') {
          model.draft(`${model.state.get().draft.trim()} ${args.about} `.trimStart());
        }
        show();
      }
    });
    app.commands.addCommand(COMMANDS.newConversation, {
      label: trans.__('New Conversation'),
      describedBy: NO_ARGS,
      execute: () => {
        model.begin();
        show();
      }
    });
    app.commands.addCommand(COMMANDS.stop, {
      label: trans.__('Stop the Question That Is Being Answered'),
      describedBy: NO_ARGS,
      isEnabled: () => model.state.get().turns.some(one => one.state === 'running'),
      execute: () => model.stop()
    });
    model.state.watch(() => app.commands.notifyCommandChanged(COMMANDS.stop));
  }
};

function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/markdown' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
