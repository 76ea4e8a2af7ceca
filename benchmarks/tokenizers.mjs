// Hugging Face's tokenizers on one core, beside bin/tokenizers: npm install tokenizers; then
//
//   RAYON_NUM_THREADS=1 node tokenizers.mjs TOKENIZER.json TEXT_FILE
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
const {Tokenizer} = createRequire(`${process.cwd()}/`)('tokenizers');
const [file, textFile] = process.argv.slice(2);
const tokenizer = Tokenizer.fromFile(file);
const text = readFileSync(textFile, 'utf8');
const bytes = Buffer.byteLength(text);
async function report(what, texts) {
  let best = Infinity, tokens = 0;
  for (let i = 0; i < 3; ++i) {
    const begin = process.hrtime.bigint();
    tokens = 0;
    for (const t of texts) tokens += (await tokenizer.encode(t, null, {addSpecialTokens: false})).getLength();
    best = Math.min(best, Number(process.hrtime.bigint() - begin) / 1e9);
  }
  console.log(what, bytes, 'bytes', tokens, 'tokens', (bytes / best / 1e6).toFixed(1), 'MB/s');
}
await report('one text', [text]);
await report('parts of 64 KiB', text.match(/[^]{1,65536}/g));
await report('lines', text.split(/(?<=\n)/));
