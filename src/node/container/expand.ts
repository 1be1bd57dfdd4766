// $(NAME) in commands, arguments and values, as Kubernetes expands it (third_party/forked/golang/expansion): an unknown
// name stays as it is written, $$ stands for one $.

export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$(\$|\(([^)]*)\))/g, (whole, escaped: string, name: string | undefined) => {
    if (escaped === '$') return '$'
    return name !== undefined && Object.hasOwn(env, name) ? env[name]! : whole
  })
}
