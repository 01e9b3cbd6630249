import type { CodegenConfig } from '@graphql-codegen/cli';

// Makes the types of every operation in `src` from Bailiwick's schema, into `src/graphql`.
const config: CodegenConfig = {
  schema: '../../graphql/schema.graphql',
  documents: ['src/*.ts'],
  importExtension: '.js',
  generates: {
    'src/graphql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        // Documents are sent as text: nothing parses them here.
        documentMode: 'string',
        enumsAsTypes: true,
        useTypeImports: true,
        scalars: { DateTime: 'string', Upload: 'never' },
      },
    },
  },
};

export default config;
