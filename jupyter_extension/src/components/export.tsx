/** Rows as a file: which kind, and where to. */

import * as React from 'react';

import { ExportModel, Format, FORMATS } from '../model/exporting';
import { bytes, plain, whole } from '../model/format';
import { Message } from './banner';
import { useStore, useTrans } from './hooks';
import { Icon } from './icon';
import { Bar, Modal, Segments } from './modal';

export function ExportDialog({ model, onClose }: { model: ExportModel; onClose: () => void }): React.ReactElement {
  const trans = useTrans();
  const state = useStore(model.state);
  const kind = React.useId();
  const path = React.useId();
  const running = state.state === 'running';
  const words: Record<Format, string> = {
    csv: trans.__('CSV'),
    parquet: trans.__('Parquet'),
    xlsx: trans.__('Excel (xlsx)'),
    json: trans.__('JSON'),
    ndjson: trans.__('JSON, a line for each row'),
    tsv: trans.__('Tab-separated'),
    arrow: trans.__('Arrow')
  };
  const close = (): void => {
    model.stop();
    onClose();
  };
  return (
    <Modal title={trans.__('Export %1', plain(model.name))} className="pd-narrow" onClose={close}>
      <div className="pd-dbody pd-one" data-pd-export={state.state}>
        <div className="pd-entry">
          <label htmlFor={kind}>{trans.__('Kind of file')}</label>
          <select
            id={kind}
            className="pd-select"
            disabled={running}
            value={state.format}
            onChange={event => model.change({ format: event.target.value as Format })}
          >
            {FORMATS.map(one => (
              <option key={one} value={one}>
                {words[one]}
              </option>
            ))}
          </select>
        </div>
        <div className="pd-entry">
          <Segments
            label={trans.__('Where to')}
            value={state.to}
            options={[
              ['browser', trans.__('Download')],
              ['workspace', trans.__('File of the workspace')]
            ]}
            onChange={to => model.change({ to })}
          />
        </div>
        {state.to === 'workspace' && (
          <div className="pd-entry">
            <label htmlFor={path}>{trans.__('Path')}</label>
            <span className="pd-field">
              <input
                id={path}
                dir="auto"
                spellCheck={false}
                disabled={running}
                value={state.path}
                onChange={event => model.change({ path: event.target.value })}
              />
            </span>
            <label className="pd-check">
              <input
                type="checkbox"
                disabled={running}
                checked={state.overwrite}
                onChange={event => model.change({ overwrite: event.target.checked })}
              />
              {trans.__('Take the place of a file that is there')}
            </label>
          </div>
        )}
        {running && <Bar part={null} label={trans.__('Progress of the export')} />}
        {state.problem && (
          <Message icon="error" tone="error" title={plain(state.problem.message)} text={plain(state.problem.hint)} />
        )}
        {state.state === 'done' && (
          <p className="pd-did" role="status">
            <Icon name="check" />
            <span>
              {state.target
                ? trans.__('%1 rows in %2, %3', whole(state.rows), plain(state.target), bytes(state.bytes))
                : trans.__('%1 rows, %2, handed to the browser', whole(state.rows), bytes(state.bytes))}
            </span>
          </p>
        )}
        {state.state === 'done' && state.notices.map(one => <Message key={one} icon="help" title={plain(one)} />)}
      </div>
      <footer>
        <span className="pd-note pd-grow" role="status">
          {running
            ? trans.__('%1 rows …', whole(state.rows))
            : trans.__('Whole or not at all: it gets its name with the last row.')}
        </span>
        {running ? (
          <button type="button" className="pd-btn" onClick={() => model.stop()}>
            <span className="pd-sq" />
            {trans.__('Stop')}
          </button>
        ) : (
          <button
            type="button"
            className="pd-btn pd-main"
            disabled={state.to === 'workspace' && !state.path.trim()}
            onClick={() => model.start()}
          >
            {state.to === 'browser' ? trans.__('Download') : trans.__('Write the file')}
          </button>
        )}
      </footer>
    </Modal>
  );
}
