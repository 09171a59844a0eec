/** The colours of SQL in a cell that says it is SQL: another language for that editor, for as long as it says so. */

import { StreamLanguage } from '@codemirror/language';
import { Compartment, EditorState, Extension, Prec, Text } from '@codemirror/state';

import { isSql, startState, token, TokenState } from '../model/tokens';

const duckdb = StreamLanguage.define<TokenState>({
  name: 'duckdb',
  startState,
  copyState: state => ({ ...state }),
  token,
  languageData: {
    commentTokens: { line: '--', block: { open: '/*', close: '*/' } },
    closeBrackets: { brackets: ['(', '[', '{', "'", '"'] }
  }
});

/** A magic stands in the first line that is not empty. */
const saysSo = (text: Text): boolean => isSql(text.sliceString(0, Math.min(text.length, 400)));

/** Before the kernel's own language, which stays where it is. */
const SQL: Extension = Prec.highest(duckdb.extension);
const chosen = new Compartment();

/** For an editor that begins with this source. */
export const sqlCells = (source: string): Extension => [
  chosen.of(isSql(source) ? SQL : []),
  // An editor may have no language at all, so there is none of ours in it before the text says so.
  EditorState.transactionExtender.of(transaction => {
    const wanted = transaction.docChanged && saysSo(transaction.newDoc) ? SQL : [];
    const there = chosen.get(transaction.startState) === SQL;
    return transaction.docChanged && there !== (wanted === SQL) ? { effects: chosen.reconfigure(wanted) } : null;
  })
];
