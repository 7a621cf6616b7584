#!/usr/bin/env bash
# The step of action.yml. Inputs are environment variables, never parts of a script.
set -euo pipefail

if [ -n "$INPUT_TOKEN" ]; then
  echo "::add-mask::$INPUT_TOKEN"
  export HEADWATER_TOKEN="$INPUT_TOKEN"
fi
case "$INPUT_FAIL" in
  true | false) ;;
  *)
    echo "::error::fail is \"$INPUT_FAIL\": write true or false."
    exit 2
    ;;
esac

# 0: nothing is bad. 1: something is. Anything else: it could not be examined.
status=0
lines=$(npx --yes "headwater@$INPUT_VERSION" doctor "$INPUT_URL" --json) || status=$?
if [ "$status" -gt 1 ] || [ -z "$lines" ]; then
  echo "::error::headwater doctor could not examine $INPUT_URL; its message is above."
  exit $((status > 0 ? status : 1))
fi

LINES="$lines" node --input-type=module <<'EOS'
import { appendFileSync } from 'node:fs'

const verdicts = ['good', 'worth a look', 'bad']
const findings = process.env.LINES.split('\n').filter(Boolean).map((line) => JSON.parse(line))
const worst = verdicts[Math.max(0, ...findings.map(({ verdict }) => verdicts.indexOf(verdict)))]
// Commands and tables have characters of their own.
const escaped = (text) => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
const cell = (text) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ')
for (const { verdict, about, text } of findings) {
  const command = { bad: '::error::', 'worth a look': '::warning::' }[verdict] ?? ''
  console.log(`${command}${escaped(`${about}: ${text}`)}`)
}
appendFileSync(process.env.GITHUB_OUTPUT, `verdict=${worst}\nfindings=${JSON.stringify(findings)}\n`)
if (process.env.GITHUB_STEP_SUMMARY) {
  const rows = findings.map(({ verdict, about, text }) => `| ${verdict} | ${cell(about)} | ${cell(text)} |\n`)
  appendFileSync(process.env.GITHUB_STEP_SUMMARY, `| | about | what |\n| --- | --- | --- |\n${rows.join('')}`)
}
EOS

if [ "$INPUT_FAIL" = true ]; then exit "$status"; fi
