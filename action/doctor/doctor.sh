#!/usr/bin/env bash
# The step of action.yml. Inputs are environment variables, never parts of a script.
set -euo pipefail

arguments=()
if [ -n "$INPUT_TOKEN" ]; then
  echo "::add-mask::$INPUT_TOKEN"
  # Not an argument, which other processes of the machine see.
  header=$(mktemp)
  trap 'rm -f "$header"' EXIT
  echo "Authorization: Bearer $INPUT_TOKEN" > "$header"
  arguments=(--header "@$header")
fi
case "$INPUT_FAIL" in
  true | false) ;;
  *)
    echo "::error::fail is \"$INPUT_FAIL\": write true or false."
    exit 2
    ;;
esac

# 0: nothing is wrong. 1: something is. Anything else: it could not be examined.
status=0
lines=$(npx --yes "headwater@$INPUT_VERSION" doctor "$INPUT_URL" --json "${arguments[@]}") || status=$?
if [ "$status" -gt 1 ] || [ -z "$lines" ]; then
  echo "::error::headwater doctor could not examine $INPUT_URL; its message is above."
  exit $((status > 0 ? status : 1))
fi

LINES="$lines" node --input-type=module <<'EOS'
import { appendFileSync } from 'node:fs'

const severities = ['ok', 'note', 'warning', 'fault']
const findings = process.env.LINES.split('\n').filter(Boolean).map((line) => JSON.parse(line))
const worst = severities[Math.max(0, ...findings.map(({ severity }) => severities.indexOf(severity)))]
// Commands and tables have characters of their own.
const escaped = (text) => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
const cell = (text) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ')
for (const { id, severity, seen, why } of findings) {
  const command = { fault: '::error::', warning: '::warning::', note: '::notice::' }[severity] ?? ''
  console.log(`${command}${escaped(`${id}: ${[seen, why].filter(Boolean).join(' ')}`)}`)
}
appendFileSync(process.env.GITHUB_OUTPUT, `severity=${worst}\nfindings=${JSON.stringify(findings)}\n`)
if (process.env.GITHUB_STEP_SUMMARY) {
  const rows = findings.map(({ id, severity, seen }) => `| ${severity} | ${cell(id)} | ${cell(seen)} |\n`)
  appendFileSync(process.env.GITHUB_STEP_SUMMARY, `| | about | what was seen |\n| --- | --- | --- |\n${rows.join('')}`)
}
EOS

if [ "$INPUT_FAIL" = true ]; then exit "$status"; fi
