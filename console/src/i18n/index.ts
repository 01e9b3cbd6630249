import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import { en } from './en'

export const languages = ['en', 'de'] as const
export type Language = (typeof languages)[number]
const KEPT = 'bailiwick.language'

function preferred(): Language {
  const wanted = localStorage.getItem(KEPT) ?? navigator.language
  return languages.find((language) => wanted.startsWith(language)) ?? 'en'
}

/** Shows everything in this language from now on; only the languages that are shown are loaded. */
export async function speak(language: Language) {
  if (language === 'de' && !i18next.hasResourceBundle('de', 'translation')) {
    const { de } = await import('./de')
    i18next.addResourceBundle('de', 'translation', de)
  }
  localStorage.setItem(KEPT, language)
  document.documentElement.lang = language
  await i18next.changeLanguage(language)
}

export async function begin() {
  await i18next.use(initReactI18next).init({
    lng: 'en',
    fallbackLng: 'en',
    keySeparator: false,
    nsSeparator: false,
    resources: { en: { translation: en } },
    interpolation: { escapeValue: false },
  })
  await speak(preferred())
}
