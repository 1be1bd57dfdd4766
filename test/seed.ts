// Loaded before every test file: random tests of one run share a seed, so that a failure can be met again with
// WEFT_SEED=<number>. `weft test` draws the number and prints it.

import fc from 'fast-check'

const given = process.env['WEFT_SEED']
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given) })
