export default defineEventHandler(async (event) => {
  const { text } = await readBody(event)
  setResponseStatus(event, 201)
  return { id: write(String(text)) }
})
