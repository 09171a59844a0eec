/** Questions about what is in sight in a notebook: selected text, and DataFrames. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { InputDialog, Notification } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { chatIcon, labIcon } from '../components/icon';
import { selected } from '../model/cell';
import { IPlutoDuck } from '../tokens';
import { COMMANDS } from './names';

export const selection: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:selection',
  description: 'Begins a question with what is selected in a notebook, or with a DataFrame of it.',
  autoStart: true,
  requires: [IPlutoDuck, INotebookTracker],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    pluto: IPlutoDuck,
    tracker: INotebookTracker,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    const canAsk = (): boolean => app.commands.hasCommand(COMMANDS.ask);
    const text = (): string => {
      const editor = tracker.activeCell?.editor;
      if (editor) {
        const { start, end } = editor.getSelection();
        const [from, to] = [editor.getOffsetAt(start), editor.getOffsetAt(end)].sort((a, b) => a - b);
        if (to > from) {
          return selected(editor.model.sharedModel.getSource().slice(from, to));
        }
      }
      const page = window.getSelection();
      const inside = page?.anchorNode && tracker.currentWidget?.content.node.contains(page.anchorNode);
      return inside ? selected(page.toString()) : '';
    };
    app.commands.addCommand(COMMANDS.askSelection, {
      label: trans.__('Ask About the Selection'),
      caption: trans.__('Begins a question with the text that is selected in a cell or an output'),
      icon: chatIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      isVisible: canAsk,
      isEnabled: () => text() !== '',
      execute: () => app.commands.execute(COMMANDS.ask, { about: text() })
    });
    app.commands.addCommand(COMMANDS.askFrame, {
      label: trans.__('Ask About a DataFrame …'),
      icon: labIcon('frame'),
      describedBy: {
        args: {
          type: 'object',
          properties: { name: { type: 'string', description: trans.__('Its name') } }
        }
      },
      isVisible: canAsk,
      isEnabled: () => pluto.connection.link.get().status === 'ready',
      execute: async args => {
        await pluto.data.refresh();
        const frames = (pluto.data.state.get().tables ?? []).filter(one => one.kind === 'frame').map(one => one.name);
        if (!frames.length) {
          Notification.info(trans.__('No DataFrame is bound in this notebook.'), { autoClose: 6000 });
          return;
        }
        const asked =
          typeof args.name === 'string'
            ? args.name
            : frames.length === 1
              ? frames[0]
              : (
                  await InputDialog.getItem({
                    title: trans.__('Ask about a DataFrame'),
                    items: frames,
                    okLabel: trans.__('Ask')
                  })
                ).value;
        if (asked) {
          await app.commands.execute(COMMANDS.ask, { about: `@${asked}` });
        }
      }
    });
  }
};
