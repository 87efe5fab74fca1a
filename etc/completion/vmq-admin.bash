# Completion of vmq-admin for bash, made from its table of commands.

_vmq_admin() {
  local current=${COMP_WORDS[COMP_CWORD]} line= name= candidates= word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ -z $line && $word == -c || $word == -rpctimeout ]]; then
      ((i++))
      continue
    fi
    [[ $word == -* || $word == = || ${COMP_WORDS[i+1]} == = ]] && break
    line+="${line:+ }$word"
  done
  if [[ $current == = ]]; then
    name=${COMP_WORDS[COMP_CWORD-1]} current=
  elif ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[COMP_CWORD-1]} == = ]]; then
    name=${COMP_WORDS[COMP_CWORD-2]}
  fi
  if [[ -n $name ]]; then
    case "$line $name" in
      "listener start --allow_anonymous_override") candidates="true false on off" ;;
      "listener start --websocket") candidates="true false on off" ;;
      "listener start --proxy_protocol") candidates="true false on off" ;;
      "listener start --proxy_protocol_use_cn_as_username") candidates="true false on off" ;;
      "listener start --proxy_xff_support") candidates="true false on off" ;;
      "listener start --proxy_xff_use_cn_as_username") candidates="true false on off" ;;
      "listener start --forward_connection_opts") candidates="true false on off" ;;
      "listener start --http") candidates="true false on off" ;;
      "listener start --ssl") candidates="true false on off" ;;
      "listener start --require_certificate") candidates="true false on off" ;;
      "listener start --use_identity_as_username") candidates="true false on off" ;;
      "listener start --psk_support") candidates="true false on off" ;;
      "metrics show --aggregate") candidates="true false" ;;
      "log level level") candidates="debug info notice warning error critical alert emergency all" ;;
      "api-key create scope") candidates="status mgmt metrics health api2 httppub" ;;
      "api-key add scope") candidates="status mgmt metrics health api2 httppub" ;;
      "api-key delete scope") candidates="status mgmt metrics health api2 httppub" ;;
      "api-key show scope") candidates="status mgmt metrics health api2 httppub" ;;
      "webhooks register --base64payload") candidates="true false" ;;
      "webhooks register --no_payload") candidates="true false" ;;
      *" --format") candidates="human json csv" ;;
    esac
  else
    case $line in
      "")
        candidates="api-key bridge cluster completion config describe listener log metrics node plugin queue retain route script session set show tls trace webhooks webui" ;;
      "api-key")
        candidates="add create delete show" ;;
      "api-key add")
        candidates="--format= --help expires= key= scope=" ;;
      "api-key create")
        candidates="--format= --help expires= scope=" ;;
      "api-key delete")
        candidates="--format= --help key= scope=" ;;
      "api-key show")
        candidates="--format= --help scope=" ;;
      "bridge")
        candidates="show start" ;;
      "bridge show")
        candidates="--format= --help" ;;
      "bridge start")
        candidates="--format= --help" ;;
      "cluster")
        candidates="join leave show" ;;
      "cluster join")
        candidates="--format= --help address= discovery-node=" ;;
      "cluster leave")
        candidates="--format= --help --kill_sessions --summary-interval= --timeout= node=" ;;
      "cluster show")
        candidates="--format= --help" ;;
      "completion")
        candidates="bash" ;;
      "completion bash")
        candidates="--format= --help" ;;
      "config")
        candidates="reset set show" ;;
      "config reset")
        candidates="--config-file= --config-val= --format= --global --help --key= --local app=" ;;
      "config set")
        candidates="--all --format= --help --node=" ;;
      "config show")
        candidates="--format= --help --key= app=" ;;
      "describe")
        candidates="--format= --help" ;;
      "listener")
        candidates="delete restart show start stop" ;;
      "listener delete")
        candidates="--format= --help address= port=" ;;
      "listener restart")
        candidates="--format= --help address= port=" ;;
      "listener show")
        candidates="--format= --help --mqtt --tls" ;;
      "listener start")
        candidates="--allow_anonymous_override --allowed_protocol_versions= --auth_plugins= --authz_plugins= --cafile= --certfile= --ciphers= --config_fun= --config_mod= --crlfile= --eccs= --format= --forward_connection_opts --help --http --http_modules= --keyfile= --keypasswd= --max_connections= --mountpoint= --nr_of_acceptors= --proxy_protocol --proxy_protocol_use_cn_as_username --proxy_xff_cn_header= --proxy_xff_support --proxy_xff_trusted_intermediate= --proxy_xff_use_cn_as_username --psk_support --pskfile= --require_certificate --ssl --tls_handshake_timeout= --tls_version= --use_identity_as_username --websocket address= port=" ;;
      "listener stop")
        candidates="--format= --help --kill_sessions address= port=" ;;
      "log")
        candidates="level show" ;;
      "log level")
        candidates="--format= --help level= logger=" ;;
      "log show")
        candidates="config" ;;
      "log show config")
        candidates="--format= --help" ;;
      "metrics")
        candidates="reset show" ;;
      "metrics reset")
        candidates="--format= --help" ;;
      "metrics show")
        candidates="--aggregate --cluster --format= --group= --help --mqtt_version= --node= --reason_code= --return_code= --with-descriptions" ;;
      "node")
        candidates="evacuate flag_as_init_synced history start status stop swc_sync_status upgrade" ;;
      "node evacuate")
        candidates="--format= --help rate= stop to=" ;;
      "node evacuate stop")
        candidates="--format= --help" ;;
      "node flag_as_init_synced")
        candidates="--format= --help" ;;
      "node history")
        candidates="--format= --help" ;;
      "node start")
        candidates="--format= --help" ;;
      "node status")
        candidates="--format= --help" ;;
      "node stop")
        candidates="--format= --help" ;;
      "node swc_sync_status")
        candidates="--format= --help" ;;
      "node upgrade")
        candidates="--format= --help --instruction-file= --upgrade-now" ;;
      "plugin")
        candidates="disable enable show" ;;
      "plugin disable")
        candidates="--arity= --format= --function= --help --hook= --module= --name= --path=" ;;
      "plugin enable")
        candidates="--arity= --format= --function= --help --hook= --module= --name= --path=" ;;
      "plugin show")
        candidates="--format= --help --hook= --internal --plugin=" ;;
      "queue")
        candidates="show" ;;
      "queue show")
        candidates="--bytes --client_id --dropped --format= --help --inflight --is_online --limit= --mountpoint --node --offline --online --order_by= --rowtimeout= --size" ;;
      "retain")
        candidates="delete delete-expired show" ;;
      "retain delete")
        candidates="--format= --help --mountpoint= --topic=" ;;
      "retain delete-expired")
        candidates="--format= --help" ;;
      "retain show")
        candidates="--format= --help --limit= --mountpoint --payload --rowtimeout= --topic" ;;
      "route")
        candidates="explain" ;;
      "route explain")
        candidates="--format= --help client-id= mountpoint= topic=" ;;
      "script")
        candidates="load reload show unload" ;;
      "script load")
        candidates="--format= --help path=" ;;
      "script reload")
        candidates="--format= --help path=" ;;
      "script show")
        candidates="--format= --help" ;;
      "script unload")
        candidates="--format= --help path=" ;;
      "session")
        candidates="disconnect reauthorize show unsubscribe" ;;
      "session disconnect")
        candidates="--cleanup --format= --help --mountpoint= batch client-id= clients" ;;
      "session disconnect batch")
        candidates="--cleanup --filter-client-ids= --format= --help --mountpoint= --node= count=" ;;
      "session disconnect clients")
        candidates="--cleanup --format= --help --mountpoint= client-ids=" ;;
      "session reauthorize")
        candidates="--format= --help --mountpoint= client-id= username=" ;;
      "session show")
        candidates="--clean_session --client_id --deliver_mode --dup --format= --help --is_offline --is_online --is_plugin --limit= --mountpoint --msg_qos --msg_ref --no_local --node --num_sessions --offline_messages --online_messages --order_by= --payload --peer_host --peer_port --protocol --qos --queue_pid --queue_size --queue_started_at --rap --routing_key --rowtimeout= --session_pid --session_started_at --statename --topic --user --waiting_acks" ;;
      "session unsubscribe")
        candidates="--format= --help --mountpoint= --plugin client-id= topic=" ;;
      "set")
        candidates="--all --format= --help --node=" ;;
      "show")
        candidates="--all --format= --help --node=" ;;
      "tls")
        candidates="check clear-pem-cache show" ;;
      "tls check")
        candidates="--format= --help --validity=" ;;
      "tls clear-pem-cache")
        candidates="--format= --help" ;;
      "tls show")
        candidates="--format= --help" ;;
      "trace")
        candidates="client stop_all" ;;
      "trace client")
        candidates="--format= --help --mountpoint= --rate-interval= --rate-max= --trunc-payload= client-id=" ;;
      "trace stop_all")
        candidates="--format= --help" ;;
      "webhooks")
        candidates="cache deregister register show" ;;
      "webhooks cache")
        candidates="clear show" ;;
      "webhooks cache clear")
        candidates="--format= --help" ;;
      "webhooks cache show")
        candidates="--format= --help --reset" ;;
      "webhooks deregister")
        candidates="--format= --help endpoint= hook=" ;;
      "webhooks register")
        candidates="--base64payload= --format= --help --no_payload= --response_timeout= endpoint= hook=" ;;
      "webhooks show")
        candidates="--format= --help" ;;
      "webui")
        candidates="install show" ;;
      "webui install")
        candidates="--format= --help --repo= --version=" ;;
      "webui show")
        candidates="--format= --help" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
  [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
  return 0
}

complete -F _vmq_admin vmq-admin
