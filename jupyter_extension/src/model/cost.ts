/** What questions cost at models. */

import { Answer } from './frames';

export interface Spent {
  /** Questions that a model was asked. */
  questions: number;
  tokens: number;
  usd: number;
  /** False: some went to a model whose price is not known. */
  known: boolean;
}

export const tokensOf = (answer: Answer): number => answer.cost.input_tokens + answer.cost.output_tokens;

export function spent(answers: readonly (Answer | null)[]): Spent {
  const asked = answers.filter((one): one is Answer => one !== null && (tokensOf(one) > 0 || one.share !== ''));
  return {
    questions: asked.length,
    tokens: asked.reduce((sum, one) => sum + tokensOf(one), 0),
    usd: asked.reduce((sum, one) => sum + one.cost.usd, 0),
    known: asked.every(one => one.cost.usd_known)
  };
}

/** "0.012", "0.0004": never 0 for what is not. */
export function dollars(usd: number): string {
  if (usd === 0) {
    return '0';
  }
  return usd < 0.0001 ? '< 0.0001' : usd < 0.01 ? usd.toFixed(4) : usd < 10 ? usd.toFixed(3) : usd.toFixed(2);
}
