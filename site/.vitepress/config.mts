import { defineConfig } from 'vitepress'
import { koreanSidebar, sidebar } from '../pages.mjs'

const nav = [
  { text: 'Start', link: '/start' },
  { text: 'How to', link: '/signed-in-users', activeMatch: '^/(signed-in|publishing|receiving|frameworks)' },
  { text: 'Operating', link: '/production' },
  { text: 'Reference', link: '/reference/headwater', activeMatch: '^/reference' },
  { text: 'Compared', link: '/compared-hubs' },
  { text: 'Try it', link: '/learn/', target: '_self' }, // the page of packages/learn, which is no page of VitePress
]

/** No font, script or picture comes from elsewhere. Any web server can serve the result, at any address: DOCS_BASE=/docs/. */
export default defineConfig({
  title: 'Headwater',
  description:
    'Server-Sent Events, end to end: a client, a server library, and a hub that sends each subscriber exactly what it missed.',
  base: process.env.DOCS_BASE ?? '/',
  srcDir: '.stage',
  outDir: 'dist',
  lang: 'en',
  ignoreDeadLinks: true, // check-links.mjs looks at the result, with anchors, and knows of /learn
  markdown: {
    anchor: { slugify },
    theme: { light: 'github-light', dark: 'github-dark' },
    languageAlias: { http: 'text' },
  },
  locales: {
    root: { label: 'English', lang: 'en', link: '/' },
    ko: {
      label: '한국어',
      lang: 'ko',
      link: '/ko/start',
      themeConfig: {
        nav: [{ text: '시작', link: '/ko/start' }, ...nav.slice(1)],
        sidebar: koreanSidebar,
        outline: { level: [2, 3], label: '이 페이지에서' },
        docFooter: { prev: '이전', next: '다음' },
        returnToTopLabel: '맨 위로',
        sidebarMenuLabel: '메뉴',
        darkModeSwitchLabel: '화면 모드',
        skipToContentLabel: '본문으로 건너뛰기',
      },
    },
  },
  vite: { build: { chunkSizeWarningLimit: 8000 } }, // the reference and the index of the search are one file each
  themeConfig: {
    nav,
    sidebar,
    outline: { level: [2, 3] },
    i18nRouting: false,
    search: { provider: 'local', options: { detailedView: true } },
    externalLinkIcon: true,
  },
})

/** As GitHub names a heading, so that a link works in both places. */
function slugify(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_ -]/gu, '')
    .trim()
    .replaceAll(' ', '-')
}
