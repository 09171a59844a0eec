/** A change that mends SQL, in words. */

import { plain } from '../model/format';
import { Swap } from '../model/frames';
import { useTrans } from './hooks';

export type Words = ReturnType<typeof useTrans>;

/** One word and what stands for it, in words. */
export function swapTold(one: Swap, trans: Words): string {
  const to = plain(one.new);
  switch (one.kind) {
    case 'table':
      return trans.__('The nearest table is %1.', to);
    case 'column':
      return trans.__('The nearest column is %1.', to);
    case 'function':
      return trans.__('The nearest function is %1.', to);
    case 'keyword':
      return trans.__('%1 is spelt %2.', plain(one.old), to);
    case 'quotes':
      return trans.__('In double quotes it is the name of a column; the text is %1.', to);
    case 'group':
      return trans.__('What is not measured has to be grouped by.');
  }
}
