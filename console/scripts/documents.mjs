// The documents of graphql/operations that the console sends. It sends no others.
export const console_documents = [
  'AuditEvents', 'Catalogue', 'Explain', 'PasswordChange', 'PolicyDiff', 'PolicyRevisions', 'Profile', 'ProfileModule',
  'ProfileSaveModule', 'Profiles', 'SignIn', 'SignOut', 'User', 'Users', 'Viewer', 'ViewerWhatCan', 'WhatCan', 'WhoCan',
]
