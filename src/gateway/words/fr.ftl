# Ce que dit la passerelle quand elle ne laisse pas passer, ou n'y arrive pas.

denied-title = Site bloqué
denied-text = Le réseau du lycée ne donne pas accès à { $host }.
port-title = Port fermé
port-text = Le réseau du lycée ne donne pas accès à ce port de { $host }.
prohibited-title = Adresse interne
prohibited-text = { $host } mène à une adresse interne, que l’on n’atteint pas par la passerelle.
loop-title = Demande en boucle
loop-text = La demande pour { $host } est déjà passée par ici. Deux passerelles se renvoient l’une à l’autre : c’est un réglage à revoir.
target-title = Demande incompréhensible
target-text = Cette demande n’a pas de sens pour la passerelle. Vérifiez l’adresse.
name-title = Site introuvable
name-text = Personne ne connaît l’adresse de { $host }. Le nom est peut-être mal écrit.
refused-title = Site fermé
refused-text = La machine de { $host } refuse la connexion.
away-title = Site injoignable
away-text = { $host } ne répond pas. Réessayez dans un moment.
silent-title = Site trop lent
silent-text = { $host } a accepté la demande et ne répond pas.
broken-title = Réponse illisible
broken-text = La réponse de { $host } s’est interrompue ou n’est pas lisible.
busy-title = Passerelle occupée
busy-text = La passerelle du lycée manque de place. Réessayez dans un moment.
link-title = Internet est coupé
link-text = Le lycée n’a plus d’accès à Internet en ce moment. Inutile d’attendre { $host } : vos manuels, eux, sont ici.
upstream-title = Passerelle académique injoignable
upstream-text = La passerelle par laquelle passe le lycée ne répond pas comme elle le devrait.
upstream-account-title = Passerelle académique fermée
upstream-account-text = La passerelle par laquelle passe le lycée ne reconnaît pas la boîte. Prévenez le CMIL : son compte ou son mot de passe est à revoir.
upstream-denied-title = Site bloqué
upstream-denied-text = La passerelle par laquelle passe le lycée ne donne pas accès à { $host }.

refusal-site = Site
refusal-port = Port
refusal-category = Catégorie
refusal-rule = Règle
refusal-profile = Profil
refusal-ask = Pour en parler : { $contact }.
refusal-ask-cmil = Si c’est une erreur, parlez-en au CMIL du lycée.
refusal-library = Ouvrir la bibliothèque du lycée
refusal-lately = Demander au CMIL de revoir ce blocage
refusal-code = Détail technique :

proxy-title = La passerelle du lycée
proxy-text = Cette adresse est celle de la passerelle par laquelle les appareils vont sur Internet. Pour lire vos manuels, ouvrez la bibliothèque.
proxy-file = Réglage automatique des navigateurs

blocked-title = Ce qui a été bloqué sur cet appareil
blocked-text = Pendant la dernière heure. Seul cet appareil voit cette liste ; elle disparaît d’elle-même.
blocked-none = Rien n’a été bloqué sur cet appareil pendant la dernière heure.
blocked-when = Dernière fois
blocked-times = { $count } fois

review-ask = Demander au CMIL de revoir ce blocage
review-why = Pourquoi en avez-vous besoin ? Facultatif, 200 signes au plus.
review-seen = Le CMIL verra le site, la règle, l’adresse de cet appareil, le rôle de qui y est connecté (élève, professeur) et cette phrase. N’y mettez pas de nom.
review-send = Envoyer la demande
review-sent = Demande envoyée au CMIL le { $moment }.
review-title = Les demandes de cet appareil au CMIL
review-answered = Réponse du CMIL, le { $moment } :
review-waits = Pas encore de réponse. Elle s’affichera ici.
review-old = La demande n’est pas partie : cette page était trop ancienne. Recommencez.
review-broken = La demande n’est pas partie : elle est arrivée incomplète. Recommencez.
review-gone = La demande n’est pas partie : ce site n’est plus parmi ceux bloqués depuis une heure. Rouvrez-le, puis recommencez.
review-too-often = La demande n’est pas partie : cet appareil en a déjà envoyé cinq depuis une heure.
review-full = La demande n’est pas partie : le CMIL en a déjà beaucoup à lire. Parlez-lui-en.
review-unkept = La demande n’est pas partie : la boîte ne peut pas la garder en ce moment. Réessayez plus tard.
