import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router'
import { NotFound, Shell } from './shell/shell'
import type { BaseRole } from './gql/documents'
import type { Place } from './parts/list'

/** Returns the entries of an address that are texts, and nothing else of it. */
function texts<K extends string>(search: Record<string, unknown>, ...keys: K[]): Partial<Record<K, string>> {
  const found = keys.flatMap((key) => (typeof search[key] === 'string' || typeof search[key] === 'number') && search[key] !== '' ? [[key, String(search[key])]] : [])
  return Object.fromEntries(found) as Partial<Record<K, string>>
}

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound })
const start = createRoute({ getParentRoute: () => root, path: '/', beforeLoad: () => { throw redirect({ to: '/me' }) } })
const me = createRoute({ getParentRoute: () => root, path: '/me', component: lazyRouteComponent(() => import('./screens/me'), 'Me') })

export type UsersSearch = Place & { search?: string; role?: BaseRole; enabled?: 'yes' | 'no' }
const users = createRoute({
  getParentRoute: () => root,
  path: '/users',
  validateSearch: (search: Record<string, unknown>): UsersSearch => texts(search, 'after', 'before', 'search', 'role', 'enabled') as UsersSearch,
  component: lazyRouteComponent(() => import('./screens/users'), 'Users'),
})
const user = createRoute({ getParentRoute: () => root, path: '/users/$key', component: lazyRouteComponent(() => import('./screens/user'), 'User') })

export type ListSearch = Place & { search?: string }
const list = (search: Record<string, unknown>): ListSearch => texts(search, 'after', 'before', 'search')
const profiles = createRoute({ getParentRoute: () => root, path: '/profiles', validateSearch: list, component: lazyRouteComponent(() => import('./screens/profiles'), 'Profiles') })
const profile = createRoute({ getParentRoute: () => root, path: '/profiles/$key', component: lazyRouteComponent(() => import('./screens/profile'), 'Profile') })
const module = createRoute({ getParentRoute: () => root, path: '/profiles/$key/$module', component: lazyRouteComponent(() => import('./screens/module'), 'Module') })

export type Question = { subject?: string; action?: string; object?: string; tab?: string }
const inspector = createRoute({
  getParentRoute: () => root,
  path: '/inspector',
  validateSearch: (search: Record<string, unknown>): Question => texts(search, 'subject', 'action', 'object', 'tab'),
  component: lazyRouteComponent(() => import('./screens/inspector'), 'Inspector'),
})
const history = createRoute({ getParentRoute: () => root, path: '/history', validateSearch: (search: Record<string, unknown>): Place & { revision?: string } => texts(search, 'after', 'before', 'revision'), component: lazyRouteComponent(() => import('./screens/history'), 'History') })
const audit = createRoute({ getParentRoute: () => root, path: '/audit', validateSearch: (search: Record<string, unknown>): Place & { action?: string; target?: string } => texts(search, 'after', 'before', 'action', 'target'), component: lazyRouteComponent(() => import('./screens/audit'), 'Audit') })

export const router = createRouter({
  routeTree: root.addChildren([start, me, users, user, profiles, profile, module, inspector, history, audit]),
  defaultPreload: 'intent',
  scrollRestoration: true,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
