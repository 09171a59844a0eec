import js from '@eslint/js';
import ts from 'typescript-eslint';

export default ts.config(js.configs.recommended, ...ts.configs.recommended, {
  languageOptions: { globals: { console: 'readonly', document: 'readonly' } },
  rules: {
    '@typescript-eslint/no-explicit-any': 'error',
    '@typescript-eslint/no-non-null-assertion': 'off',
    '@typescript-eslint/no-unused-expressions': ['error', { allowTernary: true }],
    eqeqeq: 'error'
  }
});
