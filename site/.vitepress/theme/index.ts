// The theme for systems that download no font.
import theme from 'vitepress/theme-without-fonts'
import './style.css'

export default theme
