/** The settings: read, followed while they change, and shown in the person's language. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator, TranslationBundle } from '@jupyterlab/translation';

import { Settings, settings, settingsFrom } from '../model/settings';
import { COMMANDS } from './names';

export const preferences: JupyterFrontEndPlugin<void> = {
  id: 'pluto-duck-labextension:plugin',
  description: 'The settings of pluto-duck, with its keyboard shortcuts and its places in the menus.',
  autoStart: true,
  requires: [ISettingRegistry],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, registry: ISettingRegistry, translator: ITranslator | null): void => {
    const trans = (translator ?? nullTranslator).load('pluto_duck');
    // The server translates schemas by the files of language packs alone, never by those of an extension.
    registry.transform(preferences.id, { fetch: plugin => ({ ...plugin, schema: inWords(plugin.schema, trans) }) });
    void registry.load(preferences.id).then(
      loaded => {
        const follow = (): void => settings.set(settingsFrom(loaded.composite as Record<string, unknown>));
        loaded.changed.connect(follow);
        follow();
        void app.restored.then(() => open(app, settings.get().openAtStart));
      },
      error => console.warn('The settings of pluto-duck could not be read.', error)
    );
  }
};

function open(app: JupyterFrontEnd, what: Settings['openAtStart']): void {
  const wanted = { nothing: [], data: [COMMANDS.showData], chat: [COMMANDS.showChat] };
  for (const command of what === 'both' ? [...wanted.chat, ...wanted.data] : wanted[what]) {
    if (app.commands.hasCommand(command)) {
      void app.commands.execute(command);
    }
  }
}

/** Its texts are collected from the schema itself, with the contexts of JupyterLab's own collection. */
function inWords(schema: ISettingRegistry.ISchema, bundle: TranslationBundle): ISettingRegistry.ISchema {
  const say = (context: string, text: string | undefined): string | undefined => text && bundle._p(context, text);
  const properties = Object.fromEntries(
    Object.entries(schema.properties ?? {}).map(([name, one]) => [
      name,
      { ...one, title: say('settings', one.title), description: say('settings', one.description) }
    ])
  );
  return {
    ...schema,
    title: say('schema', schema.title),
    description: say('schema', schema.description),
    properties
  } as ISettingRegistry.ISchema;
}
