export default { testMatch: ['**/tests/**/*.test.mjs'], transform: {} }
