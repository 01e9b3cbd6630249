import { Alert, Badge, createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core'

const tide: MantineColorsTuple = ['#e9f5f7', '#d5e6ea', '#a9cdd5', '#79b2be', '#529bab', '#398d9f', '#29869a', '#1b7387', '#0e6779', '#00596a']

export const theme = createTheme({
  primaryColor: 'tide',
  primaryShade: { light: 8, dark: 7 },
  colors: { tide },
  defaultRadius: 'md',
  fontFamily: 'Inter, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif',
  headings: { fontWeight: '600' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: { Alert: Alert.extend({ styles: { title: { color: 'var(--mantine-color-text)' } } }), Badge: Badge.extend({ defaultProps: { tt: 'none', fw: 500, style: { flexShrink: 0 } } }) },
})

/** Colours that are readable on what they stand on, at a contrast of 4.5 to 1 and more. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: { '--mantine-color-dimmed': '#565e66', '--mantine-color-anchor': '#0b5a6b', '--mantine-color-placeholder': '#676f78' },
  dark: { '--mantine-color-dimmed': '#a9b0b7', '--mantine-color-anchor': '#8fd0dd', '--mantine-color-placeholder': '#a0a7ae' },
})
