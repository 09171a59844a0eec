import { nullTranslator, TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Store } from '../model/store';

export function useStore<T>(store: Store<T>): T {
  return React.useSyncExternalStore(store.watch, store.get);
}

export const Trans = React.createContext<TranslationBundle>(nullTranslator.load('pluto_duck'));

export const useTrans = (): TranslationBundle => React.useContext(Trans);
