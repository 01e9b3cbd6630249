import '@mantine/core/styles.css'
import './styles.css'
import { MantineProvider } from '@mantine/core'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode, useMemo } from 'react'
import { createRoot } from 'react-dom/client'
import { Provider } from 'urql'
import { newClient } from './api/client'
import { useSession } from './api/session'
import { begin } from './i18n'
import { router } from './router'
import { SignIn, SignInAgain } from './screens/sign-in'
import { theme, variables } from './theme'

const nonce = document.querySelector<HTMLElement>('meta[property="csp-nonce"]')?.nonce ?? ''
// Read by react-remove-scroll, which puts styles into the page while a dialog is open.
Object.assign(globalThis, { __webpack_nonce__: nonce })

function App() {
  const { session, expired } = useSession()
  const token = session?.token ?? null
  // Another session, even of the same person, asks for everything anew.
  const client = useMemo(() => newClient(token), [token])
  return (
    <Provider value={client}>
      {session ? <RouterProvider router={router} /> : <SignIn />}
      {expired && <SignInAgain />}
    </Provider>
  )
}

await begin()
const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto" getStyleNonce={() => nonce}>
        <App />
      </MantineProvider>
    </StrictMode>,
  )
}
