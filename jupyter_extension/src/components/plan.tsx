/** How a statement runs: its steps, the rows between them, and the time they took where it was measured. */

import * as React from 'react';

import { duration, plain, share, whole } from '../model/format';
import { isOff, planRows, PlanStep } from '../model/plan';
import { Message } from './banner';
import { useTrans } from './hooks';

/** A query of a second has steps of milliseconds. */
const brief = (seconds: number): string => (seconds < 0.1 ? `${(seconds * 1000).toFixed(1)} ms` : duration(seconds));

export function PlanView(props: { label: string; read: (measured: boolean) => Promise<PlanStep> }): React.ReactElement {
  const trans = useTrans();
  const [plan, setPlan] = React.useState<PlanStep | null>(null);
  const [problem, setProblem] = React.useState('');
  const [busy, setBusy] = React.useState(true);
  const read = (measured: boolean): void => {
    setBusy(true);
    setProblem('');
    props
      .read(measured)
      .then(setPlan, error => setProblem(String((error as Error).message)))
      .finally(() => setBusy(false));
  };
  React.useEffect(() => read(false), []);
  const rows = plan ? planRows(plan) : [];
  const measured = rows.some(one => one.share !== null);
  return (
    <section className="pd-panel" aria-label={props.label} aria-busy={busy}>
      <div className="pd-gridbar">
        <span className="pd-note" role="status">
          {problem && !busy
            ? ''
            : busy
              ? trans.__('Reading …')
              : measured
                ? trans.__('It was run. Each step feeds the one above it.')
                : trans.__('Nothing was run; rows are DuckDB’s estimates. Each step feeds the one above it.')}
        </span>
        <button type="button" className="pd-btn pd-end" disabled={busy} onClick={() => read(true)}>
          {trans.__('Run and measure')}
        </button>
      </div>
      {problem && (
        <div className="pd-banners pd-above">
          <Message icon="error" tone="error" title={problem} />
        </div>
      )}
      {plan && (
        <div className="pd-plan-box" tabIndex={0} role="region" aria-label={trans.__('Steps')}>
          <table className="pd-steps-table">
            <thead>
              <tr>
                <th scope="col">{trans.__('Step')}</th>
                <th scope="col" className="pd-num">
                  {trans.__('Expected rows')}
                </th>
                {measured && (
                  <>
                    <th scope="col" className="pd-num">
                      {trans.__('Rows')}
                    </th>
                    <th scope="col" className="pd-num">
                      {trans.__('Time')}
                    </th>
                  </>
                )}
              </tr>
            </thead>
            <tbody>
              {rows.map(({ key, level, step, share: part }) => (
                <tr key={key}>
                  <td style={{ paddingInlineStart: 12 + level * 16 }}>
                    <b>{step.name}</b>
                    {step.facts.map(([name, text]) => (
                      <div key={name} className="pd-plan-fact">
                        <span>{plain(name)}</span> <bdi title={text}>{plain(text)}</bdi>
                      </div>
                    ))}
                  </td>
                  <td className="pd-num">{step.estimate === null ? '' : `≈ ${whole(step.estimate)}`}</td>
                  {measured && (
                    <>
                      <td className="pd-num">
                        {step.rows === null ? '' : whole(step.rows)}
                        {isOff(step) && <div className="pd-note">{trans.__('far from expected')}</div>}
                      </td>
                      <td className="pd-num">
                        {step.seconds === null ? '' : brief(step.seconds)}
                        {part !== null && (
                          <>
                            <div className="pd-note">{share(part, 1)}</div>
                            <div className="pd-plan-bar" aria-hidden="true">
                              <span style={{ width: `${Math.round(part * 100)}%` }} />
                            </div>
                          </>
                        )}
                      </td>
                    </>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
