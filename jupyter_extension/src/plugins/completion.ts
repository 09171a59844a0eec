/** Tables and columns are offered in `%%pluto sql` cells, by the sidebar's own connection: also while a cell runs. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import {
  CompletionHandler,
  ICompletionContext,
  ICompletionProvider,
  ICompletionProviderManager
} from '@jupyterlab/completer';

import { offsetOf, ourSql, pointsBefore } from '../model/cell';
import { plain } from '../model/format';
import { IPlutoDuck } from '../tokens';

interface Candidate {
  text: string;
  kind: 'table' | 'view' | 'column' | 'variable' | 'keyword';
  detail: string;
}

const NOTHING = { start: 0, end: 0, items: [] };

class SqlCompletion implements ICompletionProvider {
  readonly identifier = 'pluto-duck:sql';
  /** Above those of the kernel, which waits for the cell that runs. */
  readonly rank = 1000;

  constructor(private _pluto: IPlutoDuck) {}

  async isApplicable(context: ICompletionContext): Promise<boolean> {
    const { connection } = this._pluto;
    const source = context.editor?.model.sharedModel.getSource() ?? '';
    return connection.link.get().status === 'ready' && connection.panel === context.widget && ourSql(source) !== null;
  }

  async fetch(request: CompletionHandler.IRequest): Promise<CompletionHandler.ICompletionItemsReply> {
    const { client } = this._pluto.connection.link.get();
    const cell = ourSql(request.text);
    if (!client || !cell || request.offset < cell.start) {
      return NOTHING;
    }
    const at = pointsBefore(cell.sql, request.offset - cell.start);
    try {
      const frame = await client.request('complete', { sql: cell.sql, at }).done;
      const items = (frame.candidates as Candidate[]).map(one => ({
        label: plain(one.text),
        insertText: one.text,
        type: one.kind,
        documentation: plain(one.detail) || undefined
      }));
      return { start: cell.start + offsetOf(cell.sql, Number(frame.start)), end: request.offset, items };
    } catch {
      return NOTHING; // a kernel that is on its way; the next key asks again
    }
  }
}

export const completion: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:completion',
  description: 'Completes tables and columns in %%pluto sql cells.',
  autoStart: true,
  requires: [IPlutoDuck, ICompletionProviderManager],
  activate: (_: JupyterFrontEnd, pluto: IPlutoDuck, manager: ICompletionProviderManager): void => {
    manager.registerProvider(new SqlCompletion(pluto));
  }
};
