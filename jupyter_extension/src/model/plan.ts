/** The plan of a statement, as rows of a tree. */

export interface PlanStep {
  name: string;
  facts: [string, string][];
  estimate: number | null;
  rows: number | null;
  seconds: number | null;
  steps: PlanStep[];
}

export interface PlanRow {
  /** Its place in the tree: "0.1.0". */
  key: string;
  level: number;
  step: PlanStep;
  /** Of the time of all steps; null where nothing was measured. */
  share: number | null;
}

const total = (step: PlanStep): number => (step.seconds ?? 0) + step.steps.reduce((sum, one) => sum + total(one), 0);

/** From the result down to the tables; a step stands above those that feed it. */
export function planRows(plan: PlanStep): PlanRow[] {
  const all = total(plan);
  const found: PlanRow[] = [];
  const walk = (step: PlanStep, level: number, key: string): void => {
    found.push({ key, level, step, share: step.seconds === null || !all ? null : step.seconds / all });
    step.steps.forEach((one, at) => walk(one, level + 1, `${key}.${at}`));
  };
  walk(plan, 0, '0');
  return found;
}

/** An estimate that is ten times off, where it was measured. */
export const isOff = (step: PlanStep): boolean =>
  step.rows !== null &&
  step.estimate !== null &&
  Math.max(step.rows, step.estimate, 1) >= 10 * Math.max(1, Math.min(step.rows, step.estimate)) &&
  Math.max(step.rows, step.estimate) >= 1000;
