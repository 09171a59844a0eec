/**
 * The texts of the sidebar and their translations.
 *
 *   node messages.mjs           adds what is new in the sources to each language (untranslated: ""), drops what is gone
 *   node messages.mjs --check   writes nothing; fails where a text can't be translated or a translation is missing
 *
 * A new language: a folder `pluto_duck/locale/xx_XX/LC_MESSAGES/` with a `pluto_duck.json` that holds `{}`. Their form
 * is Jed's, as JupyterLab's translation server hands it out: a text, after its context and \u0004 where it has one.
 */
import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const HERE = import.meta.dirname;
const DOMAIN = 'pluto_duck';
const LOCALES = path.join(HERE, '..', 'pluto_duck', 'locale');
/** How many arguments of a call are texts, and whether the first one is the context. */
const CALLS = {
  __: { texts: 1 },
  _n: { texts: 2 },
  _p: { texts: 1, context: true },
  _np: { texts: 2, context: true },
  gettext: { texts: 1 },
  ngettext: { texts: 2 },
  pgettext: { texts: 1, context: true }
};
const SHOWN = new Set(['title', 'aria-label', 'placeholder', 'alt', 'label', 'caption', 'text', 'action']);
/** Words that are the same everywhere. */
const NAMES = /^(SQL|USD|pluto[-_]duck|%pluto ingest data\.csv|--[\w -]+|[^\p{L}]*)$/u;

const problems = [];
/** From key to its texts: one, or a singular and a plural. */
const found = new Map();

function files(folder) {
  return fs
    .readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(one => one.isFile() && /\.tsx?$/.test(one.name))
    .map(one => path.join(one.parentPath, one.name))
    .sort();
}

function add(where, texts, context) {
  const key = context ? `${context}\u0004${texts[0]}` : texts[0];
  const there = found.get(key);
  if (there && there.length !== texts.length) {
    problems.push(`${where}: "${texts[0]}" is once with a plural, once without one: Lab would translate neither`);
  }
  found.set(key, texts);
}

function read(file) {
  const source = ts.createSourceFile(file, fs.readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true);
  const at = node => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
    return `${path.relative(HERE, file)}:${line + 1}`;
  };
  const visit = node => {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const call = CALLS[node.expression.name.text];
      if (call && /(^|\.)trans$/.test(node.expression.expression.getText(source))) {
        const wanted = node.arguments.slice(0, call.texts + (call.context ? 1 : 0));
        if (wanted.every(one => ts.isStringLiteralLike(one))) {
          const texts = wanted.map(one => one.text);
          add(at(node), call.context ? texts.slice(1) : texts, call.context ? texts[0] : '');
        } else {
          problems.push(`${at(node)}: a text must stand there itself, else nobody can translate it`);
        }
      }
    } else if (ts.isJsxText(node) && !NAMES.test(node.text.trim())) {
      problems.push(`${at(node)}: "${node.text.trim()}" is not translated`);
    } else if (ts.isJsxAttribute(node) && SHOWN.has(node.name.getText(source))) {
      const value = node.initializer;
      const literal = value && (ts.isJsxExpression(value) ? value.expression : value);
      if (literal && ts.isStringLiteralLike(literal) && !NAMES.test(literal.text)) {
        problems.push(`${at(node)}: "${literal.text}" is not translated`);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
}

/** What JupyterLab shows of a settings schema; the contexts are those of its own extraction. */
function readSchema(file) {
  const where = path.relative(HERE, file);
  const settings = (properties = {}) => {
    for (const one of Object.values(properties)) {
      [one.title, one.description].filter(Boolean).forEach(text => add(where, [text], 'settings'));
      settings(one.properties);
    }
  };
  const schema = JSON.parse(fs.readFileSync(file, 'utf8'));
  [schema.title, schema.description].filter(Boolean).forEach(text => add(where, [text], 'schema'));
  settings(schema.properties);
}

/** JupyterLab finds texts by its own name of the language, de-DE, not by that of the folder. */
function header(language) {
  return { domain: DOMAIN, language: language.replace('_', '-'), plural_forms: 'nplurals=2; plural=(n != 1);' };
}

const marks = text => [...new Set(text.match(/%\d/g))].sort().join();

function told(language, there) {
  for (const [key, texts] of found) {
    const said = there[key];
    const name = `${language}: "${texts[0]}"`;
    if (!said || said.length !== texts.length || said.some(one => !one)) {
      problems.push(`${name} is not translated`);
    } else if (marks(said.at(-1)) !== marks(texts.at(-1))) {
      problems.push(`${name}: the translation has other places for values`);
    }
  }
  Object.keys(there)
    .filter(key => key && !found.has(key))
    .forEach(key => problems.push(`${language}: "${key}" is translated and no longer used`));
}

function written(language, there) {
  const keys = [...found.keys()].sort();
  const lines = keys.map(key => {
    const texts = found.get(key);
    const said = there[key]?.length === texts.length ? there[key] : texts.map(() => '');
    return `  ${JSON.stringify(key)}: ${JSON.stringify(said).replaceAll('","', '", "')}`;
  });
  const head = { ...header(language), plural_forms: there['']?.plural_forms ?? header(language).plural_forms };
  return `{\n  "": ${JSON.stringify(head)},\n${lines.join(',\n')}\n}\n`;
}

files(path.join(HERE, 'src')).forEach(read);
fs.readdirSync(path.join(HERE, 'schema')).forEach(one => readSchema(path.join(HERE, 'schema', one)));
const check = process.argv.includes('--check');
for (const language of fs.readdirSync(LOCALES)) {
  const file = path.join(LOCALES, language, 'LC_MESSAGES', `${DOMAIN}.json`);
  const there = JSON.parse(fs.readFileSync(file, 'utf8'));
  if (check) {
    told(language, there);
  } else {
    fs.writeFileSync(file, written(language, there));
    told(language, JSON.parse(fs.readFileSync(file, 'utf8')));
  }
}
console.log(`${found.size} texts`);
problems.forEach(one => console.log(one));
process.exit(check && problems.length ? 1 : 0);
