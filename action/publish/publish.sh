#!/usr/bin/env bash
# The step of action.yml. Inputs are environment variables, never parts of a script: whoever opens a pull request may choose
# its title, and that may be somebody's data.
set -euo pipefail

if [ -n "$INPUT_TOKEN" ]; then
  echo "::add-mask::$INPUT_TOKEN"
  # Not an argument, which other processes of the machine see.
  export HEADWATER_TOKEN="$INPUT_TOKEN"
fi

arguments=(--hub "$INPUT_HUB" --wait "$INPUT_WAIT")
while IFS= read -r topic; do
  if [ -n "$topic" ]; then arguments+=(--topic "$topic"); fi
done <<< "$INPUT_TOPIC"
if [ -n "$INPUT_TYPE" ]; then arguments+=(--type "$INPUT_TYPE"); fi
if [ -n "$INPUT_ID" ]; then arguments+=(--id "$INPUT_ID"); fi
case "$INPUT_PRIVATE" in
  true) arguments+=(--private) ;;
  false) ;;
  *)
    echo "::error::private is \"$INPUT_PRIVATE\": write true or false."
    exit 2
    ;;
esac

id=$(npx --yes "headwater@$INPUT_VERSION" publish "${arguments[@]}" -- "$INPUT_DATA")
echo "Published $id"
echo "id=$id" >> "$GITHUB_OUTPUT"
