import { TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'

/** A field that searches on the server, 150 ms after the last key. */
export function Search({ value, onSearch, label }: { value: string; onSearch: (text: string) => void; label?: string }) {
  const { t } = useTranslation()
  const [text, setText] = useState(value)
  // The last text that this field sent; a value that differs from it came from elsewhere, such as the back button.
  const sent = useRef(value)
  useEffect(() => {
    if (value === sent.current) return
    sent.current = value
    setText(value)
  }, [value])
  const search = useDebouncedCallback((wanted: string) => {
    sent.current = wanted
    onSearch(wanted)
  }, 150)
  const name = label ?? t('list.search')
  return (
    <TextInput
      type="search"
      aria-label={name}
      placeholder={name}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value)
        search(event.currentTarget.value)
      }}
    />
  )
}
