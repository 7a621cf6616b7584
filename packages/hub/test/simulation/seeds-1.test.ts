import { testSeeds } from './test-seeds.ts'

// In several files, so that they run side by side.
testSeeds(1, 2500)
